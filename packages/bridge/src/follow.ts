import { type Advancing, advanceTransfer } from './advance.ts'
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
  signal?: AbortSignal
}

/**
 * Takes a transfer on to its end, waiting where there is to wait, and forgets it then. Returns where it is.
 */
export async function followTransfer(
  following: Following,
  transfer: Transfer,
): Promise<{ transfer: Transfer; status: TransferStatus }> {
  const { sides, journal, once, onStatus, signal } = following
  let current = transfer
  let told: TransferStatus['phase'] | undefined
  for (;;) {
    const status = await transferStatus(sides, current)
    if (status.phase !== told) onStatus?.(status, current)
    told = status.phase
    if (isOver(status)) journal.remove(current.start.hash)
    if (isOver(status) || signal?.aborted || (once && isWaiting(status))) return { transfer: current, status }
    if (isWaiting(status)) await pause(Math.min(sides.below.pollingIntervalMs, LONGEST_PAUSE_MS), signal)
    else current = await advanceTransfer(following, current, status)
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
