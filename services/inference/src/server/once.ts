import type { Hex } from 'viem'
import { MAX_SENT_AGE_MS } from '../protocol/constants.ts'

/** Sealed requests that were taken: one that is handed on a second time is neither answered nor charged. */
export class Once {
  /** In the order in which they came, with when that was. */
  private readonly taken = new Map<Hex, number>()

  /** Takes a request, by its hash. False for one that was taken before and is still young enough to be. */
  take(hash: Hex, now = Date.now()): boolean {
    for (const [known, at] of this.taken) {
      // One may be from a clock that is ahead by as much as one may be behind.
      if (now - at <= 2 * MAX_SENT_AGE_MS) break
      this.taken.delete(known)
    }
    if (this.taken.has(hash)) return false
    this.taken.set(hash, now)
    return true
  }
}
