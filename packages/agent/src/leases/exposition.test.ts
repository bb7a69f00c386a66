import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import parse from 'parse-prometheus-text-format'
import { expect, it } from 'vitest'
import { exposeLease, type Scraped } from './exposition.ts'

const PROMTOOL = '/usr/bin/promtool'
const SCRAPED: Scraped = {
  usage: {
    time: 1,
    diskBytes: 5,
    diskMiBLimit: 9,
    network: { received: 11, sent: 12 },
    containers: [
      {
        name: 'my-web-1',
        cpuSeconds: 1.5,
        memoryBytes: 7,
        processes: 3,
        cpuMilliLimit: 500,
        memoryMiBLimit: 64,
        processesLimit: 100,
      },
    ],
  },
  containers: [
    { name: 'my-web-1', state: 'running', restarts: 2, exitCode: 137, startedAt: 1_900_000_000_000 },
    { name: 'job-0', state: 'completed', restarts: 0, exitCode: 0 },
  ] as unknown as Scraped['containers'],
  collectors: [
    { url: 'otlp+https://a/"x"', sent: 3, dropped: 1, waiting: 0 },
    { url: 'otlp+https://a/"x"', sent: 4, dropped: 0, waiting: 0 },
  ],
}

it('is what Prometheus reads, by its conventions', async () => {
  const { contentType, text } = await exposeLease(SCRAPED)
  expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8')
  const metrics = new Map(parse(text).map(({ name, metrics }) => [name, metrics]))
  const labels = { container: 'my-web-1', service: 'my-web', replica: '1' }
  expect(metrics.get('cloister_container_cpu_seconds_total')).toEqual([{ value: '1.5', labels }])
  expect(metrics.get('cloister_container_memory_limit_bytes')).toEqual([{ value: '67108864', labels }])
  expect(metrics.get('cloister_container_restarts_total')).toContainEqual({ value: '2', labels })
  expect(metrics.get('cloister_container_up')).toContainEqual({
    value: '0',
    labels: { container: 'job-0', service: 'job', replica: '0' },
  })
  expect(metrics.get('cloister_lease_network_transmit_bytes_total')).toEqual([{ value: '12' }])
  expect(metrics.get('cloister_lease_log_lines_sent_total')).toHaveLength(2)
})

it.skipIf(!existsSync(PROMTOOL))('is what promtool finds no fault with', async () => {
  const { text } = await exposeLease(SCRAPED)
  const { status, stdout, stderr } = spawnSync(PROMTOOL, ['check', 'metrics'], { input: text })
  expect(`${stdout}${stderr}`).toBe('')
  expect(status).toBe(0)
})
