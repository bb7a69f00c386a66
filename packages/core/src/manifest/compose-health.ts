import { parseDurationMs } from '../units.ts'
import type { Field } from './field.ts'
import type { Service } from './service.ts'

/** `healthcheck`: what it doesn't say is as the image says, as Docker has it. */
export function readHealth(root: Field, service: Service): void {
  const health: Exclude<Service['health'], 'none' | undefined> = {}
  let off = false
  root.fields(
    {
      test: (field) => {
        if (field.isNothing) return
        const test = field.isList ? field.list().map((word) => word.text()) : ['CMD-SHELL', field.text()]
        if (test[0] === 'NONE') off = true
        else if (!['CMD', 'CMD-SHELL'].includes(test[0] ?? '') || test.length < 2) field.fail('a list that begins with CMD, CMD-SHELL or NONE, or a string')
        else health.test = test
      },
      interval: (field) => void (health.intervalMs = field.parse(parseDurationMs)),
      timeout: (field) => void (health.timeoutMs = field.parse(parseDurationMs)),
      start_period: (field) => void (health.startPeriodMs = field.parse(parseDurationMs)),
      retries: (field) => void (health.retries = field.integer(1, 1000)),
      disable: (field) => void (off ||= field.boolean()),
    },
    {},
    { start_interval: 'until it is healthy for the first time, a service is asked every second' },
  )
  if (off) service.health = 'none'
  else if (Object.keys(health).length > 0) service.health = health
}
