import { Counter, Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { addCounters, addGauges, classOf, expose, openRegistry } from './metrics.ts'

it('says what every process has, in the text format that Prometheus reads', async () => {
  const { contentType, text } = await expose(openRegistry())
  expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8')
  for (const name of [
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
    'nodejs_eventloop_lag_p99_seconds',
  ])
    expect(text).toMatch(new RegExp(`^${name} [\\d.e+-]+$`, 'm'))
})

it('whatever a label’s value has in it stays one value', async () => {
  const registry = new Registry()
  const counter = new Counter({ name: 'odd', help: 'a\\b\nc', labelNames: ['value'], registers: [registry] })
  counter.inc({ value: 'a"} 1\n# TYPE b\\' })
  expect((await expose(registry)).text).toBe(
    '# HELP odd a\\\\b\\nc\n# TYPE odd counter\nodd{value="a\\"} 1\\n# TYPE b\\\\"} 1\n',
  )
})

it('reads when it is asked, and what can not be read hides nothing else', async () => {
  const registry = new Registry()
  let fails = false
  const read = () => {
    if (fails) throw new Error('no')
    return 3
  }
  addGauges(registry, [
    { name: 'one', help: 'One.', read },
    { name: 'many', help: 'Many.', label: 'of', read: async () => ({ a: read(), b: 0 }) },
  ])
  addCounters(registry, [{ name: 'ever', help: 'Ever.', read }])
  const samples = async () => (await expose(registry)).text.split('\n').filter((line) => /^[a-z]/.test(line))
  expect(await samples()).toEqual(['one 3', 'many{of="a"} 3', 'many{of="b"} 0', 'ever 3'])
  fails = true
  expect(await samples()).toEqual(['one Nan', 'ever 3'])
})

it('a status is counted by its class', () => {
  expect([200, 308, 404, 502, 0, 999].map(classOf)).toEqual(['2xx', '3xx', '4xx', '5xx', 'none', 'none'])
})
