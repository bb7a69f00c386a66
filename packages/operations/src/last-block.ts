import type { Reason } from './readiness.ts'

/** Milliseconds without an answer of the chain's node after which it counts as away. */
const SILENCE_MS = 60_000

/** The newest block of the chain that a daemon has heard of, and when. */
export class LastBlock {
  private newest = 0
  private newestAt = 0
  private heardAt = 0
  private readonly now: () => number

  /** `now`: Unix milliseconds. */
  constructor(now: () => number = Date.now) {
    this.now = now
  }

  /** The chain's node answered, and `block` is its newest. */
  hear(block: number): void {
    this.heardAt = this.now()
    if (block === this.newest && this.newestAt > 0) return
    this.newest = block
    this.newestAt = this.heardAt
  }

  /** 0 where none was heard of. */
  get block(): number {
    return this.newest
  }

  /** Seconds since the newest block was first heard of. NaN where none was. */
  get ageSeconds(): number {
    return this.newestAt === 0 ? Number.NaN : (this.now() - this.newestAt) / 1000
  }

  /** Why it can't be relied on that the chain is followed. */
  get reasons(): Reason[] {
    if (this.heardAt === 0)
      return [{ code: 'starting', message: 'The chain has not answered since this started.' }]
    const silence = this.now() - this.heardAt
    if (silence < SILENCE_MS) return []
    const message = `The chain has not answered for ${Math.round(silence / 1000)} seconds.`
    return [{ code: 'chain-unreachable', message }]
  }
}
