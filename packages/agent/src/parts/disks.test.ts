import type { Executor } from '@cloister/executors'
import { expect, it, vi } from 'vitest'
import type { LeaseSupervisor } from '../leases/supervisor.ts'
import { watchDisks } from './disks.ts'

const LEASE = `0x${'1d'.repeat(32)}` as const

/** Looks once at a lease with 10 MiB of disk; gives what its tenant is told, and why it was stopped. */
async function look(bytes: number | Error): Promise<{ told: string[]; stopped: string[] }> {
  const [told, stopped]: [string[], string[]] = [[], []]
  const aborter = new AbortController()
  const executor = {
    diskUsage: () => (typeof bytes === 'number' ? Promise.resolve(bytes) : Promise.reject(bytes)),
  } as unknown as Executor
  const supervisor = {
    openLeases: () => [{ id: LEASE, resources: { cpuMilli: 1, memoryMiB: 1, diskMiB: 10, gpus: 0 } }],
    event: (_: string, kind: string, message: string) => told.push(`${kind}: ${message}`),
    runner: () => ({ stopAll: async (reason: string) => void stopped.push(reason) }),
  } as unknown as LeaseSupervisor
  const log = vi.fn(() => aborter.abort())
  const watching = watchDisks({ executor, supervisor, log, signal: aborter.signal })
  await vi.waitFor(() => expect(log.mock.calls.length + stopped.length > 0 || bytes === 0).toBe(true))
  aborter.abort()
  await watching
  return { told, stopped }
}

it('stops a lease whose files can’t be counted in time, as one that is full', async () => {
  const { told, stopped } = await look(Number.POSITIVE_INFINITY)
  expect(stopped).toEqual(['its files are too many to be counted, and it has 10 MiB of disk'])
  expect(told).toEqual([`disk-full: The lease was stopped: ${stopped[0]}.`])
})

it('stops one that takes more than it has, and lets go on what takes no more, or can’t be looked at just now', async () => {
  expect((await look(10 * 1024 * 1024 + 1)).stopped).toEqual([
    'its files take 11 MiB, and it has 10 MiB of disk',
  ])
  expect(await look(0)).toEqual({ told: [], stopped: [] })
  expect(await look(new Error('the engine is away'))).toEqual({ told: [], stopped: [] })
})
