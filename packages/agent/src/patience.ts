import type { Hex } from 'viem'

/**
 * What a promise gives, or undefined once `ms` milliseconds are over or `signal` is aborted; what it stands
 * for goes on. Throws as it does.
 */
export async function within<T>(work: Promise<T>, ms: number, signal?: AbortSignal): Promise<T | undefined> {
  const over = new AbortController()
  const timer = setTimeout(() => over.abort(), ms)
  try {
    return await until(work, signal ? AbortSignal.any([signal, over.signal]) : over.signal)
  } catch (error) {
    if (over.signal.aborted || signal?.aborted) return undefined
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/**
 * What a promise gives. Throws the signal's reason as soon as that is aborted; what the promise stands for
 * is not waited for then.
 */
export function until<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason)
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
    const settle = (done: () => void) => {
      signal.removeEventListener('abort', leave)
      done()
    }
    work.then(
      (value) => settle(() => resolve(value)),
      (error) => settle(() => reject(error)),
    )
  })
}

/**
 * Looks at leases one after another, but for one whose look takes long: the others are gone on with, and it
 * is left out until that ends.
 */
export class LeaseLooks {
  private readonly look: (id: Hex) => Promise<void>
  private readonly patienceMs: number
  private readonly going = new Map<Hex, Promise<void>>()

  /** `look` must not throw. The others wait `patienceMs` milliseconds for one. */
  constructor(look: (id: Hex) => Promise<void>, patienceMs: number) {
    this.look = look
    this.patienceMs = patienceMs
  }

  async all(ids: Hex[], signal: AbortSignal): Promise<void> {
    for (const id of ids) {
      if (signal.aborted) return
      if (this.going.has(id)) continue
      const look = this.look(id).finally(() => this.going.delete(id))
      this.going.set(id, look)
      await within(look, this.patienceMs, signal)
    }
  }

  /** Waits for what is going on, for `ms` milliseconds at most. */
  async idle(ms: number): Promise<void> {
    await within(Promise.all(this.going.values()), ms)
  }
}
