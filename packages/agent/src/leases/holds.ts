import type { Hex } from 'viem'
import type { Store } from '../store.ts'

/** Milliseconds that timers take at the most. */
const LONGEST_MS = 2 ** 31 - 1

/**
 * Leases whose containers stand still because their tenant said so: for good, or until an instant, so that a
 * tenant who is cut off in the middle of something isn't left without what ran. Committed before it is done.
 */
export class Holds {
  private readonly store: Store
  private readonly release: (lease: Hex) => void
  private readonly timers = new Map<Hex, NodeJS.Timeout>()

  constructor(store: Store, release: (lease: Hex) => void) {
    this.store = store
    this.release = release
  }

  /** Holds a lease, `seconds` long or for good; what was said before holds no more. */
  hold(lease: Hex, seconds: number | undefined): void {
    this.store.patchLease(lease, (stored) => {
      stored.held = seconds === undefined ? {} : { until: Date.now() + seconds * 1000 }
    })
    this.arm(lease)
  }

  /** Lets go of it; false where it wasn't held. */
  letGo(lease: Hex): boolean {
    this.forget(lease)
    if (!this.store.lease(lease)?.held) return false
    this.store.patchLease(lease, (stored) => {
      delete stored.held
    })
    return true
  }

  /** Takes up what another process said: lets go of what is over. */
  arm(lease: Hex): void {
    this.forget(lease)
    const until = this.store.lease(lease)?.held?.until
    if (until === undefined) return
    const left = until - Date.now()
    if (left <= 0) return void this.letGo(lease)
    const timer = setTimeout(() => this.letGo(lease) && this.release(lease), Math.min(left, LONGEST_MS))
    this.timers.set(lease, timer.unref())
  }

  forget(lease: Hex): void {
    clearTimeout(this.timers.get(lease))
    this.timers.delete(lease)
  }

  close(): void {
    for (const timer of this.timers.values()) clearTimeout(timer)
    this.timers.clear()
  }
}
