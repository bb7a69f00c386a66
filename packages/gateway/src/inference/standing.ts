/** Milliseconds for which an endpoint that failed gets nothing: at first, and at the most. */
const FIRST_AWAY_MS = 1_000
const LONGEST_AWAY_MS = 30_000
/** Milliseconds for which one that says it is busy gets nothing: where it doesn't say, and at most. */
const USUAL_BUSY_MS = 1_000
const LONGEST_BUSY_MS = 10_000
/** How much the latest time to a first byte counts among those before it. */
const LATEST_COUNTS = 0.2

/** How an endpoint is doing, as this gateway sees it. */
export class Standing {
  /** Requests that it is answering for us. */
  underWay = 0
  /** Milliseconds to the first byte of an answer, smoothed; undefined before the first. */
  firstByteMs: number | undefined
  private failures = 0
  private awayUntil = 0
  private busyUntil = 0
  private readonly now: () => number
  private readonly watchers = new Set<() => void>()

  /** `now`: a clock in milliseconds that never goes back. */
  constructor(now: () => number = () => performance.now()) {
    this.now = now
  }

  get state(): 'ready' | 'busy' | 'away' {
    const now = this.now()
    return this.awayUntil > now ? 'away' : this.busyUntil > now ? 'busy' : 'ready'
  }

  /** Milliseconds until it gets requests again; 0 where it does. */
  get backInMs(): number {
    return Math.max(0, this.awayUntil - this.now(), this.busyUntil - this.now())
  }

  /** A request goes there. What it returns is called when that has ended. */
  begin(): () => void {
    this.underWay++
    let isOver = false
    return () => {
      if (!isOver) this.underWay--
      isOver = true
    }
  }

  /** An answer has begun, so long after its request was sent. */
  answered(ms: number): void {
    this.failures = 0
    this.awayUntil = 0
    const before = this.firstByteMs
    this.firstByteMs = before === undefined ? ms : before + (ms - before) * LATEST_COUNTS
  }

  /** It couldn't be reached, or is in no state to answer: it is left alone, each time for longer. */
  failed(): void {
    const now = this.now()
    // Requests that were under way together fail together: that is one failure.
    if (this.awayUntil > now) return
    this.awayUntil = now + Math.min(LONGEST_AWAY_MS, FIRST_AWAY_MS * 2 ** this.failures)
    this.failures++
  }

  /** It has as many requests as it takes. `seconds`: until when, as it says. */
  busy(seconds: number | undefined): void {
    const ms = seconds === undefined ? USUAL_BUSY_MS : seconds * 1000
    this.busyUntil = this.now() + Math.min(LONGEST_BUSY_MS, Math.max(100, ms))
  }

  /** Its worker says nothing any more: whoever waits for it is told. */
  silent(): void {
    this.failed()
    for (const tell of [...this.watchers]) tell()
  }

  /** Requests that wait for a first byte. */
  get waiting(): number {
    return this.watchers.size
  }

  /** Calls `tell` once the worker is found to be silent, until what it returns is called. */
  watch(tell: () => void): () => void {
    this.watchers.add(tell)
    return () => void this.watchers.delete(tell)
  }
}
