import { setTimeout as delay } from 'node:timers/promises'
import type { LogLine, LogOptions } from '../executor.ts'
import { isMachineTrouble } from './machine-trouble.ts'

const PAUSE_MS = 500
/** Of a container that was lost from sight, so many lines are read again to find the one that came last. */
const AGAIN = 20_000

/** Reads the log of a container where it is now, until it is elsewhere. */
export type ReadHere = (options: LogOptions) => AsyncIterable<LogLine>

/**
 * What a container prints, wherever it is: `here` gives how it is read now, or undefined where it is nowhere.
 * Followed, it goes on on another machine, and where a connection broke off.
 */
export async function* followMoved(
  options: LogOptions,
  here: () => Promise<ReadHere | undefined>,
): AsyncGenerator<LogLine> {
  /** The time of the last line, and how many lines had that time. */
  let last = { time: -1, count: 0 }
  for (let tail = options.tail; !options.signal.aborted; tail = AGAIN) {
    const read = await here()
    try {
      let again = last.count
      for await (const line of read?.({ ...options, tail }) ?? []) {
        if (line.time < last.time || (line.time === last.time && again-- > 0)) continue
        last = line.time === last.time ? { ...last, count: last.count + 1 } : { time: line.time, count: 1 }
        yield line
      }
    } catch (error) {
      if (!isMachineTrouble(error) || !options.follow) throw error
    }
    if (!options.follow) return
    await delay(PAUSE_MS, undefined, { signal: options.signal }).catch(() => {})
  }
}
