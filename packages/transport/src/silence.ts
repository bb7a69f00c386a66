import { timerMs } from '@cloister/core'

/**
 * Tells when nothing has been heard for a while. It counts silence, not length: what moves goes on for as
 * long as it likes.
 */
export class Silence {
  private readonly broken: () => void
  private timer: NodeJS.Timeout | undefined
  private milliseconds = 0

  /** `broken` is called once nothing was heard for as long as `allow` says. */
  constructor(broken: () => void) {
    this.broken = broken
  }

  /** From now on that many milliseconds of silence are allowed; undefined for any number. */
  allow(milliseconds: number | undefined): void {
    if (milliseconds === this.milliseconds && this.timer) return void this.timer.refresh()
    clearTimeout(this.timer)
    this.milliseconds = milliseconds ?? 0
    this.timer = milliseconds === undefined ? undefined : setTimeout(this.broken, timerMs(milliseconds))
  }

  /** Something moves. */
  heard(): void {
    this.timer?.refresh()
  }

  end(): void {
    clearTimeout(this.timer)
    this.timer = undefined
  }
}
