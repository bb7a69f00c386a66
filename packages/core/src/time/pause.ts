/** Waits so many milliseconds; no longer than until `signal` is aborted. Never throws. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const over = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', over)
      resolve()
    }
    const timer = setTimeout(over, ms)
    signal?.addEventListener('abort', over)
  })
}

/** How pauses grow: from the first to the longest, each `factor` times the one before. Milliseconds. */
export interface Growth {
  firstMs: number
  longestMs: number
  factor?: number
}

/**
 * Pauses between tries, more and more patient.
 *
 * ```ts
 * const pauses = new GrowingPause({ firstMs: 50, longestMs: 1_000 })
 * while (!(await isThere())) await pauses.wait(signal)
 * ```
 */
export class GrowingPause {
  private readonly growth: Required<Growth>
  private nextMs: number

  constructor({ firstMs, longestMs, factor = 2 }: Growth) {
    this.growth = { firstMs, longestMs, factor }
    this.nextMs = Math.min(firstMs, longestMs)
  }

  /** Whether nothing was waited for since the beginning, or since `reset`. */
  get isFirst(): boolean {
    return this.nextMs === Math.min(this.growth.firstMs, this.growth.longestMs)
  }

  /** Milliseconds of the next pause; the one after that will be longer. */
  take(): number {
    const { nextMs } = this
    this.nextMs = Math.min(nextMs * this.growth.factor, this.growth.longestMs)
    return nextMs
  }

  /** The next pause; no longer than until `signal` is aborted. */
  wait(signal?: AbortSignal): Promise<void> {
    return pause(this.take(), signal)
  }

  /** Begins anew: something went well. */
  reset(): void {
    this.nextMs = Math.min(this.growth.firstMs, this.growth.longestMs)
  }
}
