import { IndexClient } from '@cloister/client'
import type { LeaseRecord } from '@cloister/core'

const KNOWN_MS = 2_000
const UNKNOWN_MS = 150
const MAX_CACHED = 50_000
const ANSWER_MS = 5_000

/**
 * Finds leases by id, short id or name in the index; remembers answers for a moment and asks once for many
 * at a time.
 */
export class Resolver {
  private readonly index: IndexClient
  private readonly cache = new Map<string, { until: number; lease: LeaseRecord | undefined }>()
  private readonly asking = new Map<string, Promise<LeaseRecord | undefined>>()

  constructor(indexerUrl: string) {
    this.index = new IndexClient(indexerUrl, { answerMs: ANSWER_MS })
  }

  /**
   * The lease, or undefined where there is none. Throws where the index doesn't answer and nothing is
   * remembered.
   */
  async find(key: string): Promise<LeaseRecord | undefined> {
    const cached = this.cache.get(key)
    if (cached && cached.until > Date.now()) return cached.lease
    let asked = this.asking.get(key)
    if (!asked) {
      asked = this.ask(key).finally(() => this.asking.delete(key))
      this.asking.set(key, asked)
    }
    try {
      return await asked
    } catch (error) {
      // While the index is away, what is known stays true.
      if (cached?.lease) return cached.lease
      throw error
    }
  }

  private async ask(key: string): Promise<LeaseRecord | undefined> {
    const lease = await this.index.findLease(key)
    if (this.cache.size >= MAX_CACHED) this.cache.clear()
    this.cache.set(key, { until: Date.now() + (lease ? KNOWN_MS : UNKNOWN_MS), lease })
    return lease
  }
}
