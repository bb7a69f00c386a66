import { Cron } from 'croner'

const NICKNAMES: Record<string, string> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}
const NAMES = /\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)\b/gi

/**
 * Five fields of cron (crontab(5): minute, hour, day of month, month, day of week), or `@daily` and its like,
 * in one form; undefined for what is none, or never comes.
 */
export function parseSchedule(text: string): string | undefined {
  const trimmed = text.trim().toLowerCase()
  const schedule = NICKNAMES[trimmed] ?? trimmed.split(/\s+/).join(' ')
  // The library knows more than cron does: seconds, the last day of a month, the nearest weekday.
  if (schedule.split(' ').length !== 5 || !/^[\d*,/ -]+$/.test(schedule.replace(NAMES, '1'))) return undefined
  try {
    return nextStart(schedule, 0) === undefined ? undefined : schedule
  } catch {
    return undefined
  }
}

/** The first instant after `after` that a schedule names, in UTC; both are Unix milliseconds. */
export function nextStart(schedule: string, after: number): number | undefined {
  const cron = new Cron(schedule, { timezone: 'UTC', paused: true })
  return cron.nextRun(new Date(after))?.getTime()
}
