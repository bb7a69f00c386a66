import { parseDurationMs } from '@cloister/core'

/**
 * Seconds, rounded up, of a time as people type it: as in Compose, and days besides, such as `7d` or
 * `1d12h`. Throws `bad-duration`.
 */
export function secondsOf(text: string): number {
  return Math.ceil(parseDurationMs(text.replace(/(\d+)d/g, (_, days) => `${Number(days) * 24}h`)) / 1000)
}
