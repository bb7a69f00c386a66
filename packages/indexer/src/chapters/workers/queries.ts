import type { Network } from '@cloister/chain'
import { attestationStateOf, type ProviderRecord, type WorkerRecord } from '@cloister/core'
import { and, asc, eq, gt, sql, sum } from 'drizzle-orm'
import type { Address, Hex } from 'viem'
import type { Parts } from '../../api/route.ts'
import { equal, type Filter } from '../../database/filters.ts'
import type { Database } from '../../database/open.ts'
import { leaseTotal } from '../leases/tables.ts'
import { worker } from './tables.ts'

/** What answers depend on besides the tables. */
export interface View {
  /** Unix seconds; decides what is covered. */
  now: number
  /** Its root decides whether what is covered is attested or simulated. */
  network: Network
}

export function viewOf({ network, now }: Pick<Parts, 'network' | 'now'>): View {
  return { now: now(), network }
}

/** Workers, those registered first first. */
export async function findWorkers(
  database: Database,
  filters: Filter<'worker' | 'provider' | 'gpuClass'> & { covered?: boolean | undefined },
  { now, network }: View,
): Promise<WorkerRecord[]> {
  const served = database
    .select({
      worker: leaseTotal.worker,
      total: sql<number>`sum(${leaseTotal.leases} - ${leaseTotal.refused})`.as('total'),
      open: sql<number>`sum(${leaseTotal.open})`.as('open_leases'),
    })
    .from(leaseTotal)
    .groupBy(leaseTotal.worker)
    .as('served')
  const rows = await database
    .select({ worker, total: served.total, open: served.open })
    .from(worker)
    .leftJoin(served, eq(served.worker, worker.address))
    .where(
      and(
        ...equal({ worker: worker.address, provider: worker.provider, gpuClass: worker.gpuClass }, filters),
        filters.covered ? and(gt(worker.coveredUntil, now), eq(worker.retired, false)) : undefined,
      ),
    )
    .orderBy(asc(worker.registeredAt), asc(worker.address))
  return rows.map(({ worker: row, total, open }): WorkerRecord => {
    const coveredSeconds = row.coveredBefore + Math.max(0, Math.min(now, row.coveredUntil) - row.coveredFrom)
    return {
      worker: row.address as Address,
      provider: row.provider as Address,
      endpoint: row.endpoint,
      cpuMilli: row.cpuMilli,
      memoryMiB: row.memoryMiB,
      diskMiB: row.diskMiB,
      gpus: row.gpus,
      gpuClass: row.gpuClass,
      retired: row.retired,
      registeredAt: row.registeredAt,
      coveredUntil: row.coveredUntil,
      coveredSeconds,
      uptime: Math.min(1, coveredSeconds / Math.max(1, now - row.registeredAt)),
      attestation: attestationStateOf(network, row.coveredUntil > now && !row.retired),
      ...(row.platform !== null && { platform: row.platform as Hex }),
      ...(row.measurement !== null && { measurement: row.measurement as Hex }),
      ...(row.tlsKeyHash !== null && { tlsKeyHash: row.tlsKeyHash as Hex }),
      ...(row.attestedAt !== null && { attestedAt: row.attestedAt }),
      ...confirmedGpusOf(row, now),
      openLeases: Number(open ?? 0),
      leasesServed: Number(total ?? 0),
    }
  })
}

function confirmedGpusOf(
  { confirmedGpuClass, confirmedGpus, confirmedUntil, coveredUntil }: typeof worker.$inferSelect,
  now: number,
): Pick<WorkerRecord, 'confirmedGpus'> {
  if (
    confirmedGpuClass === null ||
    confirmedGpus === null ||
    confirmedUntil === null ||
    Math.min(confirmedUntil, coveredUntil) <= now
  )
    return {}
  return { confirmedGpus: { gpuClass: confirmedGpuClass, gpus: confirmedGpus, until: confirmedUntil } }
}

/** Providers with what their workers add up to. */
export async function findProviders(
  database: Database,
  filters: Filter<'provider'>,
  view: View,
): Promise<ProviderRecord[]> {
  const workers = await findWorkers(database, filters, view)
  const earned = await database
    .select({
      provider: leaseTotal.provider,
      token: leaseTotal.token,
      amount: sql<string>`(sum(${leaseTotal.spent}) - sum(${leaseTotal.fee}))::text`,
      refused: sum(leaseTotal.refused),
    })
    .from(leaseTotal)
    // Of leases that a reorganisation took back nothing is left.
    .where(and(gt(leaseTotal.leases, 0), ...equal({ provider: leaseTotal.provider }, filters)))
    .groupBy(leaseTotal.provider, leaseTotal.token)
    .orderBy(leaseTotal.provider, leaseTotal.token)
  const byProvider = Map.groupBy(workers, (found) => found.provider)
  return [...byProvider].map(([provider, all]): ProviderRecord => {
    const live = all.filter((found) => !found.retired)
    const add = (pick: (found: WorkerRecord) => number, of = live) =>
      of.reduce((total, found) => total + pick(found), 0)
    const money = earned.filter((row) => row.provider === provider)
    return {
      provider,
      workers: live.length,
      coveredWorkers: live.filter((found) => found.coveredUntil > view.now).length,
      cpuMilli: add((found) => found.cpuMilli),
      memoryMiB: add((found) => found.memoryMiB),
      gpus: add((found) => found.gpus),
      uptime: add((found) => found.uptime, all) / all.length,
      openLeases: add((found) => found.openLeases, all),
      leasesServed: add((found) => found.leasesServed, all),
      refusedLeases: money.reduce((total, row) => total + Number(row.refused), 0),
      earned: money.map(({ token, amount }) => ({ token: token as Address, amount })),
    }
  })
}
