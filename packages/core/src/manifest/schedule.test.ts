import { describe, expect, it } from 'vitest'
import { nextStart, parseSchedule } from './schedule.ts'
import { compose, service } from './testing.ts'

const at = (text: string) => Date.parse(text)
const next = (schedule: string, after: string) => {
  const found = nextStart(schedule, at(after))
  return found === undefined ? undefined : new Date(found).toISOString().slice(0, 16)
}

describe('a schedule', () => {
  it.each([
    ['0 3 * * *', '2026-01-01T03:00:00Z', '2026-01-02T03:00'],
    ['*/15 * * * *', '2026-01-01T03:01:00Z', '2026-01-01T03:15'],
    ['30 6 1 * *', '2026-01-01T07:00:00Z', '2026-02-01T06:30'],
    // Either of both days, as in cron.
    ['0 0 13 * 5', '2026-01-01T00:00:00Z', '2026-01-02T00:00'],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00'],
  ])('%s after %s is %s, in UTC', (schedule, after, expected) => {
    expect(next(schedule, after)).toBe(expected)
  })

  it.each([
    ['@daily', '0 0 * * *'],
    [' 0  3 * * MON-FRI ', '0 3 * * mon-fri'],
    ['0 0 1 jan,jul *', '0 0 1 jan,jul *'],
  ])('%j is %j', (text, expected) => {
    expect(parseSchedule(text)).toBe(expected)
  })

  it.each([
    '',
    '@often',
    '* * * *',
    '* * * * * *',
    '60 * * * *',
    '0 0 L * *',
    '0 0 31 2 *',
    '* * * * 5#2',
    'a b c d e',
  ])('%j is none', (text) => {
    expect(parseSchedule(text)).toBeUndefined()
  })

  it('of a service is in the manifest, and starts it alone', () => {
    expect(service('x-schedule: "@hourly"').manifest.services['web']?.schedule).toBe('0 * * * *')
    expect(() => service('x-schedule: sometimes')).toThrow(/:4 services\.web\.x-schedule/)
    expect(() => service('x-schedule: "@hourly"\nrestart: always')).toThrow(
      /the service is restarted as well/,
    )
    expect(() => service('x-schedule: "@hourly"\nscale: 2')).toThrow(/several replicas/)
    expect(() =>
      compose('services: { web: { image: a, depends_on: [job] }, job: { image: b, x-schedule: "@daily" } }'),
    ).toThrow(/web waits for job, which runs by a schedule/)
  })
})
