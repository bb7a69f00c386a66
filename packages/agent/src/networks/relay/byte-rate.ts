/** Bytes that may pass: so many a second, and a quarter of a second's at once. */
export class ByteRate {
  private readonly perSecond: number
  private left: number
  /** Milliseconds, of a clock that never goes back. */
  private filledAt = performance.now()

  constructor(bytesPerSecond: number) {
    this.perSecond = bytesPerSecond
    this.left = this.burst
  }

  /** Lets bytes pass; returns the milliseconds after which more may, 0 for at once. */
  take(bytes: number, now = performance.now()): number {
    const come = ((now - this.filledAt) / 1000) * this.perSecond
    this.left = Math.min(this.burst, this.left + come) - bytes
    this.filledAt = now
    return this.left >= 0 ? 0 : Math.ceil((-this.left / this.perSecond) * 1000)
  }

  private get burst(): number {
    return this.perSecond / 4
  }
}
