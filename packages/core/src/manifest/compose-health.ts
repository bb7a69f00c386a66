import { parseDurationMs } from '../units.ts'
import type { Field } from './field.ts'
import type { Service } from './service.ts'

const START_INTERVAL = 'ignored: until it is healthy for the first time, a service is asked every second'

/** `healthcheck`: what it doesn't say is as the image says, as Docker has it; 0 says nothing there. */
export function readHealth(root: Field, service: Service): void {
  const health: Exclude<Service['health'], 'none' | undefined> = {}
  let off = false
  root.fields({
    test: (field) => {
      if (field.isNothing) return
      const test = field.isList ? field.list().map((word) => word.text()) : ['CMD-SHELL', field.text()]
      if (test[0] === 'NONE') off = true
      else if (!['CMD', 'CMD-SHELL'].includes(test[0] ?? '') || test.length < 2)
        field.fail('a list that begins with CMD, CMD-SHELL or NONE, or a string')
      else health.test = test
    },
    interval: (field) => stated(field, (ms) => (health.intervalMs = ms)),
    timeout: (field) => stated(field, (ms) => (health.timeoutMs = ms)),
    start_period: (field) => stated(field, (ms) => (health.startPeriodMs = ms)),
    start_interval: (field) => stated(field, () => field.warn(START_INTERVAL)),
    retries: (field) => {
      const retries = field.integer(0, 1000)
      if (retries > 0) health.retries = retries
    },
    disable: (field) => void (off ||= field.boolean()),
  })
  if (off) service.health = 'none'
  else if (Object.keys(health).length > 0) service.health = health
}

/** Takes a duration that says something. Docker's engine takes none between 0 and a millisecond. */
function stated(field: Field, take: (ms: number) => void): void {
  const ms = field.parse(parseDurationMs)
  if (ms > 0) take(ms)
  else if (/[1-9]/.test(field.text())) field.fail('0, or a millisecond or more')
}
