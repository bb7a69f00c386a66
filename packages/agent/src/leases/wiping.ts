import { GrowingPause, messageOf } from '@cloister/core'
import type { Executor } from '@cloister/executors'
import type { Hex } from 'viem'
import type { Log } from '../log.ts'
import type { Store } from '../store.ts'

const FIRST_MS = 1_000
const LONGEST_MS = 60_000

/**
 * Wipes leases that have ended. Where the engine can't do so at that moment, as a Swarm between two leaders
 * can't, it is asked again until it has done so or the worker stops.
 */
export class Wiping {
  private readonly parts: { executor: Pick<Executor, 'destroy'>; store: Pick<Store, 'lease'>; log: Log }
  private readonly left = new Map<Hex, Promise<void>>()
  private readonly stopped = new AbortController()

  constructor(parts: Wiping['parts']) {
    this.parts = parts
  }

  /** Never throws. `how` it is wiped the first time. */
  async wipe(id: Hex, how: () => Promise<void> = () => this.parts.executor.destroy(id)): Promise<void> {
    try {
      await how()
    } catch (error) {
      this.parts.log('warn', 'a lease could not be wiped wholly; it is tried again', {
        lease: id,
        error: messageOf(error),
      })
      if (!this.left.has(id))
        this.left.set(
          id,
          this.tryAgain(id).finally(() => this.left.delete(id)),
        )
    }
  }

  /** Leaves what is left for the next start. */
  async stop(): Promise<void> {
    this.stopped.abort()
    await Promise.all(this.left.values())
  }

  private async tryAgain(id: Hex): Promise<void> {
    const { executor, store, log } = this.parts
    const { signal } = this.stopped
    const pauses = new GrowingPause({ firstMs: FIRST_MS, longestMs: LONGEST_MS })
    for (;;) {
      await pauses.wait(signal)
      // Only a chain that reorganises opens one again.
      if (signal.aborted || store.lease(id)?.state === 'open') return
      const isDone = await executor.destroy(id).then(
        () => true,
        () => false,
      )
      if (isDone) return log('info', 'a lease is wiped wholly now', { lease: id })
    }
  }
}
