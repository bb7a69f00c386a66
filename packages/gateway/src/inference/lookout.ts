import type { Endpoint } from './endpoint.ts'

/** While requests wait for a first byte, their worker is asked so often whether it is there. */
const LOOK_MS = 1_000
/** Questions in a row without an answer after which it is silent. */
const MISSES = 3

/**
 * Looks after workers that requests wait for: an answer may take minutes to begin, and a machine that is gone
 * says nothing either.
 */
export class Lookout {
  private readonly ask: (endpoint: Endpoint) => Promise<unknown>
  private readonly looks = new Map<string, { timer: NodeJS.Timeout; misses: number; isAsking: boolean }>()

  /** `ask` rejects where a worker doesn't answer in time. */
  constructor(ask: (endpoint: Endpoint) => Promise<unknown>) {
    this.ask = ask
  }

  /** Looks after an endpoint as long as anybody waits there; see `Standing.watch`. */
  over(endpoint: Endpoint): void {
    if (this.looks.has(endpoint.lease)) return
    const timer = setInterval(() => void this.look(endpoint), LOOK_MS)
    timer.unref()
    this.looks.set(endpoint.lease, { timer, misses: 0, isAsking: false })
  }

  close(): void {
    for (const { timer } of this.looks.values()) clearInterval(timer)
    this.looks.clear()
  }

  private async look(endpoint: Endpoint): Promise<void> {
    const look = this.looks.get(endpoint.lease)
    if (!look || look.isAsking) return
    if (endpoint.standing.waiting === 0) {
      clearInterval(look.timer)
      this.looks.delete(endpoint.lease)
      return
    }
    look.isAsking = true
    try {
      await this.ask(endpoint)
      look.misses = 0
    } catch {
      if (++look.misses >= MISSES) {
        look.misses = 0
        endpoint.standing.silent()
      }
    }
    look.isAsking = false
  }
}
