import { CloisterError, pause } from '@cloister/core'

const AWAY_MS = 30_000
const PAUSE_MS = 250

/**
 * What may be over in a moment. A request that was sent again, since its connection was closed under it, was
 * `repeated` where it had come; the next one is signed anew.
 */
const PASSING = new Set(['unreachable', 'chain-unreachable', 'internal', 'repeated'])

/**
 * Asks again while a worker is away for a moment, as when it is started anew. Only for what may be asked
 * twice.
 */
export async function throughAbsence<T>(ask: () => Promise<T>): Promise<T> {
  const until = Date.now() + AWAY_MS
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      const isAway = error instanceof CloisterError && PASSING.has(error.code)
      if (!isAway || Date.now() > until) throw error
      await pause(PAUSE_MS)
    }
  }
}
