import type { Executor } from '@cloister/executors'
import { expect, it } from 'vitest'
import type { LeaseRunner } from '../leases/runner.ts'
import { readLogs } from './logs.ts'

const LINE = 'x'.repeat(16_000)

it('last lines take a bounded amount of memory, whatever the containers have printed, and are the newest', async () => {
  let read = 0
  // An engine as far as the reader of logs sees one.
  const fake = {
    async *logs(_: string, container: string) {
      for (let i = 0; i < 1_000; i++) {
        read++
        yield {
          time: 2 * i + (container === 'b-0' ? 1 : 0),
          stream: 'stdout',
          text: `${container} ${i} ${LINE}`,
        }
      }
    },
  } as unknown as Executor
  const runner = {
    id: '0x1',
    mayRead: () => true,
    report: () => ['a-0', 'b-0'].map((name) => ({ service: name[0], name })),
  } as unknown as LeaseRunner
  const lines = []
  for await (const line of readLogs(fake, runner, {
    service: undefined,
    tail: 10_000,
    follow: false,
    signal: new AbortController().signal,
  }))
    lines.push(line)
  expect(read).toBe(2_000)
  expect(lines.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(4 * 1024 * 1024)
  expect(lines.length).toBeGreaterThan(200)
  expect(lines.slice(-3).map(({ text }) => text.slice(0, 7))).toEqual(['b-0 998', 'a-0 999', 'b-0 999'])
})
