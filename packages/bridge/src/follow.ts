import type { CloisterError } from '@cloister/core'
import { type Advancing, advanceTransfer } from './advance.ts'
import { unreached } from './sides.ts'
import { type TransferStatus, transferStatus } from './status.ts'
import type { Transfer } from './transfer.ts'

/** Between two looks while there is only to wait. */
const LONGEST_PAUSE_MS = 30_000

/** What has come to its end, one way or another. */
export function isOver({ phase }: TransferStatus): boolean {
  return phase === 'done' || phase === 'failed' || phase === 'lost'
}

/** What only has to be waited for. */
export function isWaiting({ phase }: TransferStatus): boolean {
  return phase === 'crossing' || phase === 'waiting-for-output' || phase === 'waiting-for-end'
}

export interface Following extends Advancing {
  /** Goes as far as it can be gone now, instead of to the end. */
  once?: boolean
  /** Told whenever the phase is another one. */
  onStatus?: (status: TransferStatus, transfer: Transfer) => void
  /** Told when a chain doesn't answer any more. */
  onUnreached?: (why: CloisterError) => void
  signal?: AbortSignal
}

/**
 * Takes a transfer on to its end, waiting where there is to wait, and forgets it then. Returns where it is.
 * A chain that was there and doesn't answer any more is waited for, unless `once` is set. Throws what
 * `transferStatus` and `advanceTransfer` throw.
 */
export async function followTransfer(
  following: Following,
  transfer: Transfer,
): Promise<{ transfer: Transfer; status: TransferStatus }> {
  const { sides, journal, once, onStatus, onUnreached, signal } = following
  const pauseMs = Math.min(sides.below.pollingIntervalMs, LONGEST_PAUSE_MS)
  let current = transfer
  let told: TransferStatus['phase'] | undefined
  let isLost = false
  for (;;) {
    try {
      const status = await transferStatus(sides, current)
      if (status.phase !== told || isLost) onStatus?.(status, current)
      told = status.phase
      isLost = false
      if (isOver(status)) journal.remove(current.start.hash)
      if (isOver(status) || signal?.aborted || (once && isWaiting(status)))
        return { transfer: current, status }
      if (isWaiting(status)) await pause(pauseMs, signal)
      else current = await advanceTransfer(following, current, status)
    } catch (error) {
      const lost = unreached(error)
      if (!lost || told === undefined || once || signal?.aborted) throw error
      if (!isLost) onUnreached?.(lost)
      isLost = true
      // What was signed meanwhile is written down.
      current = journal.list().find(({ start }) => start.hash === current.start.hash) ?? current
      await pause(pauseMs, signal)
    }
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    function done() {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    signal?.addEventListener('abort', done)
  })
}
