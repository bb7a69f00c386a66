import { timerMs } from '@cloister/core'

/**
 * Tells when nothing has been heard for a while. It counts silence, not length: what moves goes on for as
 * long as it likes. A new allowance is a number that is written down; the timer that runs looks at it when it
 * fires, so that what moves all the time costs no timers.
 */
export class Silence {
  private readonly broken: () => void
  private timer: NodeJS.Timeout | undefined
  /** When the timer fires, and when the silence has lasted too long; of a clock that never goes back. */
  private firesAt = 0
  private until = Number.POSITIVE_INFINITY
  private milliseconds: number | undefined

  /** `broken` is called once nothing was heard for as long as `allow` says. */
  constructor(broken: () => void) {
    this.broken = broken
  }

  /** From now on that many milliseconds of silence are allowed; undefined for any number. */
  allow(milliseconds: number | undefined): void {
    this.milliseconds = milliseconds
    this.heard()
  }

  /** Something moves. */
  heard(): void {
    if (this.milliseconds === undefined) {
      this.until = Number.POSITIVE_INFINITY
      return
    }
    const now = performance.now()
    this.until = now + timerMs(this.milliseconds)
    if (this.timer === undefined || this.firesAt > this.until) this.arm(now)
  }

  end(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.milliseconds = undefined
    this.until = Number.POSITIVE_INFINITY
  }

  private arm(now: number): void {
    clearTimeout(this.timer)
    this.firesAt = this.until
    this.timer = setTimeout(() => this.look(), timerMs(Math.ceil(this.until - now)))
  }

  private look(): void {
    this.timer = undefined
    if (this.until === Number.POSITIVE_INFINITY) return
    const now = performance.now()
    if (now < this.until) this.arm(now)
    else this.broken()
  }
}
