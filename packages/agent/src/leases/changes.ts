import { CloisterError, messageOf } from '@cloister/core'
import { until } from '../patience.ts'

/** Changes of one lease: one after another, each of which can be broken off at any step. */
export class Changes {
  private readonly failed: (message: string) => void
  private working: Promise<unknown> = Promise.resolve()
  private isOver = false
  /**
   * Aborted to break off the change under way and those that wait behind it; then there is a new one for
   * those to come.
   */
  private breaking = new AbortController()
  /** What changes began at the engine and broke off from before it was done. */
  private readonly left = new Set<Promise<unknown>>()

  /** `failed` is told of what goes wrong unforeseen. */
  constructor(failed: (message: string) => void) {
    this.failed = failed
  }

  breakOff(reason: string): void {
    this.breaking.abort(new CloisterError('start-failed', reason))
    this.breaking = new AbortController()
  }

  /** One step of a change, which is not waited for once the change is broken off. */
  step<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
    const left = work.finally(() => this.left.delete(left))
    this.left.add(left)
    return until(left, signal)
  }

  /** One change at a time. */
  alone<T>(action: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    const { signal } = this.breaking
    const next = this.working.then(() => (this.isOver ? undefined : action(signal)))
    this.working = next.catch((error) => {
      if (!signal.aborted) this.failed(messageOf(error))
    })
    return next.catch(() => undefined)
  }

  /** Breaks everything off; nothing begins any more. */
  end(reason: string): void {
    this.isOver = true
    this.breakOff(reason)
  }

  /** Resolves when all that was begun has stopped, and `others` have. */
  async stopped(others: readonly Promise<unknown>[]): Promise<void> {
    await Promise.all([this.working, ...others])
    await Promise.allSettled(this.left)
  }
}
