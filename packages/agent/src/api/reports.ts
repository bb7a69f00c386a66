import type { LeaseReport, MetricsReport, RouteReport, WorkerReport } from '@cloister/core'
import { capacityOf, freeRoom, lentOf } from '../bidding/capacity.ts'
import { domainReports } from '../domains/report.ts'
import { toldOf } from '../leases/container-report.ts'
import { exposedHttp } from '../leases/exposed.ts'
import { usageOf } from '../leases/usage.ts'
import type { StoredLease } from '../store.ts'
import type { Worker } from './worker.ts'

export function workerReport({ config, key, network, executor, store, attestor }: Worker): WorkerReport {
  const capacity = capacityOf(config)
  const leases = store.openLeases()
  const { interruptible } = config
  return {
    name: config.name,
    worker: key.address,
    chainId: network.chainId,
    market: network.contracts.market,
    evidence: attestor.sourceName,
    ...(attestor.alarm !== undefined && { alarm: attestor.alarm }),
    capacity,
    free: freeRoom(capacity, leases),
    gpuClass: config.capacity.gpuClass,
    attributes: config.attributes,
    isolation: executor.isolation,
    prices: config.bidScript === undefined ? config.prices : {},
    ...(interruptible && {
      interruptible: { noticeSeconds: interruptible.noticeMinutes * 60, percent: interruptible.percent },
    }),
    openLeases: leases.length,
  }
}

export function routesOf({ supervisor, config }: Worker, lease: StoredLease): RouteReport[] {
  const manifest = lease.next?.manifest ?? lease.running?.manifest
  const host = new URL(config.endpoint).hostname
  return [
    ...(manifest
      ? exposedHttp(manifest).map(({ service, port, label }) => ({
          service,
          port,
          protocol: 'http' as const,
          label,
          ready: (supervisor.runner(lease.id)?.ready(service).length ?? 0) > 0,
        }))
      : []),
    ...supervisor.forwarding.of(lease.id).map(({ service, port, protocol, workerPort }) => ({
      service,
      port,
      protocol,
      label: '',
      address: `${host}:${workerPort}`,
    })),
  ]
}

export function leaseReport(worker: Worker, lease: StoredLease): LeaseReport {
  const runner = worker.supervisor.runner(lease.id)
  return {
    lease: lease.id,
    state: runner?.state ?? 'closed',
    size: lentOf(lease.resources),
    ...(lease.running && { manifestHash: lease.running.hash }),
    ...(lease.next && { nextManifestHash: lease.next.hash }),
    ...(lease.next && lease.held && { prepared: runner?.isPrepared(lease.next.hash) === true }),
    ...(lease.held?.until !== undefined && { heldUntil: lease.held.until }),
    ...(lease.failed && {
      failed: { manifestHash: lease.failed.hash, reason: lease.failed.reason.slice(0, 1000) },
    }),
    services: runner ? toldOf(runner.report()) : (worker.store.ended.report(lease.id)?.services ?? []),
    routes: routesOf(worker, lease),
    domains: domainReports(worker, lease),
  }
}

export function metricsReport({ supervisor, executor }: Worker, lease: StoredLease): Promise<MetricsReport> {
  return usageOf(executor, supervisor.runner(lease.id), lease)
}
