import { CloisterError, pause } from '@cloister/core'

const AWAY_MS = 30_000
const PAUSE_MS = 250

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
      const isAway =
        error instanceof CloisterError &&
        ['unreachable', 'chain-unreachable', 'internal'].includes(error.code)
      if (!isAway || Date.now() > until) throw error
      await pause(PAUSE_MS)
    }
  }
}
