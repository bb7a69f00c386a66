import { CloisterError } from '@cloister/core'

/** Seconds that whoever finds the queue full is told to wait, at least and at most. */
const WAIT_SECONDS = { least: 1, most: 60 }

/** Lets so many requests at something at once, has as many again wait, and sends the rest away. */
export class Turns {
  private readonly most: number
  private readonly what: string
  private readonly waiting: { begin: () => void }[] = []
  private active = 0
  /** Milliseconds that a turn took of late. */
  private usualMs = 1_000

  /** `what`: to whom they go, for whoever is sent away. */
  constructor(most: number, what = 'The model') {
    this.most = most
    this.what = what
  }

  get running(): number {
    return this.active
  }

  get queued(): number {
    return this.waiting.length
  }

  /** Throws `too-many` where nobody else can wait: before whoever asks has paid for it. */
  requireRoom(): void {
    if (this.active >= this.most && this.waiting.length >= this.most) throw this.full()
  }

  /**
   * Waits for a turn and gives what ends it. Throws `too-many`, with `retryAfterSeconds` in its details, and
   * what `signal` was aborted with.
   */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    this.requireRoom()
    if (this.active >= this.most) {
      await this.wait(signal)
    } else this.active++
    const from = performance.now()
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      this.usualMs += (performance.now() - from - this.usualMs) / 8
      const next = this.waiting.shift()
      // The turn goes on to whoever waits longest.
      if (next) next.begin()
      else this.active--
    }
  }

  private wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = {
        begin: () => {
          signal.removeEventListener('abort', leave)
          resolve()
        },
      }
      const leave = () => {
        this.waiting.splice(this.waiting.indexOf(entry), 1)
        reject(signal.reason)
      }
      signal.addEventListener('abort', leave, { once: true })
      this.waiting.push(entry)
    })
  }

  private full(): CloisterError {
    const seconds = Math.ceil((this.usualMs / 1_000) * (this.waiting.length / this.most))
    const retryAfterSeconds = Math.min(Math.max(seconds, WAIT_SECONDS.least), WAIT_SECONDS.most)
    return new CloisterError('too-many', `${this.what} has as many requests as it takes.`, {
      details: { retryAfterSeconds },
    })
  }
}
