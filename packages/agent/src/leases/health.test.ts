import { PassThrough } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { MAX_DURATION_MS } from '@cloister/core'
import type { Executor } from '@cloister/executors'
import { expect, it, vi } from 'vitest'
import { ContainerTask, type TaskContext } from './container-task.ts'
import { checkHealth, isListening } from './health.ts'
import type { PlannedContainer } from './plan.ts'

const check = {
  test: ['CMD', 'true'],
  intervalMs: MAX_DURATION_MS,
  timeoutMs: MAX_DURATION_MS,
  startPeriodMs: 0,
  retries: 1,
}

/** An engine whose commands take 20 ms and end well. */
function engine() {
  const stream = () => new PassThrough().end()
  const exec = vi.fn(async () => ({
    stdin: new PassThrough(),
    stdout: stream(),
    stderr: stream(),
    exit: delay(20, 0),
    resize: async () => {},
    kill: vi.fn(),
  }))
  const wait = (_lease: string, _name: string, signal: AbortSignal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  return { exec, executor: { exec, wait } as unknown as Executor }
}

it('a check may take longer than any timer can wait', async () => {
  expect(await checkHealth(engine().executor, 'lease', 'web-0', check)).toBe(true)
})

it('a check whose interval is longer than any timer can wait is not made again at once', async () => {
  const { exec, executor } = engine()
  const { promise: ready, resolve } = Promise.withResolvers<void>()
  const planned = {
    spec: { lease: 'lease', name: 'web-0' },
    health: check,
    service: { expose: [], dependsOn: [] },
  } as unknown as PlannedContainer
  const context = {
    executor,
    event: () => {},
    changed: () => task.isReady && resolve(),
  } as unknown as TaskContext
  const task = new ContainerTask(planned, context)
  task.begin({ name: 'web-0', startedAt: Date.now() } as Parameters<ContainerTask['begin']>[0])
  await ready
  // Long enough for a second check, which would begin within a millisecond.
  await delay(60)
  await task.abandon()
  expect(exec).toHaveBeenCalledTimes(1)
})

it.each([
  ['says something and hangs up', (stream: PassThrough) => stream.end('14:00:00'), true],
  ['hangs up without a word', (stream: PassThrough) => stream.end(), false],
  ['says nothing and waits', () => {}, true],
])('a port whose server %s', async (_, answer, open) => {
  const connect = async () => {
    const stream = new PassThrough()
    answer(stream)
    return stream
  }
  expect(await isListening({ connect } as unknown as Executor, 'lease', 'web-0', 13)).toBe(open)
})
