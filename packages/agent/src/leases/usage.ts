import type { MetricsReport } from '@cloister/core'
import type { Executor } from '@cloister/executors'
import type { Reading } from '../collectors/otlp.ts'
import type { StoredLease } from '../store.ts'
import type { LeaseRunner } from './runner.ts'

/** What a lease uses now, container by container. What can't be read of one is 0. */
export async function usageOf(
  executor: Pick<Executor, 'usage' | 'diskUsage' | 'traffic'>,
  runner: LeaseRunner | undefined,
  lease: StoredLease,
): Promise<MetricsReport> {
  const manifest = lease.running?.manifest
  const running = (runner?.report() ?? []).filter(
    ({ state }) => state === 'running' || state === 'starting' || state === 'unhealthy',
  )
  const [diskBytes, network, ...usages] = await Promise.all([
    executor.diskUsage(lease.id),
    executor.traffic(lease.id).catch(() => undefined),
    ...running.map((report) =>
      // One that ends just now uses nothing.
      executor.usage(lease.id, report.name).catch(() => ({ cpuSeconds: 0, memoryBytes: 0, processes: 0 })),
    ),
  ])
  return {
    time: Date.now(),
    diskBytes,
    diskMiBLimit: lease.resources.diskMiB,
    ...(network && { network }),
    containers: running.map(({ name, service, restarts, startedAt }, index) => {
      const limits = manifest?.services[service]
      return {
        name,
        ...(usages[index] ?? { cpuSeconds: 0, memoryBytes: 0, processes: 0 }),
        cpuMilliLimit: limits?.resources.cpuMilli ?? 0,
        memoryMiBLimit: limits?.resources.memoryMiB ?? 0,
        processesLimit: limits?.maxProcesses ?? 0,
        restarts,
        ...(startedAt !== undefined && { startedAt }),
      }
    }),
  }
}

/** The same, with when counting began. Throws where the lease is not known. */
export async function readingOf(
  executor: Pick<Executor, 'usage' | 'diskUsage' | 'traffic'>,
  runner: LeaseRunner,
  lease: StoredLease | undefined,
): Promise<Reading> {
  if (!lease) throw new Error('the lease is not known any more')
  return { ...(await usageOf(executor, runner, lease)), begunAt: lease.openedAt }
}
