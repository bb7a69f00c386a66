import { messageOf } from '@cloister/core'
import type { Log } from './serve.ts'

/**
 * Does something again and again, with a pause after each time, and says once what it fails with. Returns
 * what ends it, after what is under way.
 */
export function every(pauseMs: number, log: Log, act: () => Promise<void>): () => Promise<void> {
  const stopping = new AbortController()
  const pause = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pauseMs)
      stopping.signal.addEventListener('abort', () => {
        clearTimeout(timer)
        resolve()
      })
    })
  const run = async () => {
    let said = ''
    while (!stopping.signal.aborted) {
      await act().then(
        () => {
          said = ''
        },
        (error) => {
          const message = messageOf(error)
          if (message !== said && !stopping.signal.aborted) log('warn', message)
          said = message
        },
      )
      await pause()
    }
  }
  const running = run()
  return () => {
    stopping.abort()
    return running
  }
}
