const KNOWN_MS = 2_000
const UNKNOWN_MS = 150
const MAX_CACHED = 50_000

/** Finds leases or workers in the index; remembers answers for a moment and asks once for many at a time. */
export class Resolver<T> {
  private readonly look: (key: string) => Promise<T | undefined>
  private readonly cache = new Map<string, { until: number; found: T | undefined }>()
  private readonly asking = new Map<string, Promise<T | undefined>>()

  /** `look` asks the index; undefined where there is none. */
  constructor(look: (key: string) => Promise<T | undefined>) {
    this.look = look
  }

  /** Undefined where there is none. Throws where the index doesn't answer and nothing is remembered. */
  async find(key: string): Promise<T | undefined> {
    const cached = this.cache.get(key)
    if (cached && cached.until > Date.now()) return cached.found
    let asked = this.asking.get(key)
    if (!asked) {
      asked = this.ask(key).finally(() => this.asking.delete(key))
      this.asking.set(key, asked)
    }
    try {
      return await asked
    } catch (error) {
      // While the index is away, what is known stays true.
      if (cached?.found) return cached.found
      throw error
    }
  }

  /** What was found, where it was looked up just now. */
  known(key: string): T | undefined {
    const cached = this.cache.get(key)
    return cached && cached.until > Date.now() ? cached.found : undefined
  }

  private async ask(key: string): Promise<T | undefined> {
    const found = await this.look(key)
    if (this.cache.size >= MAX_CACHED) this.cache.clear()
    this.cache.set(key, { until: Date.now() + (found ? KNOWN_MS : UNKNOWN_MS), found })
    return found
  }
}
