import type {
  ChainEventRecord,
  LeaseRecord,
  PaymentRecord,
  ProviderRecord,
  TotalsRecord,
  WorkerRecord,
} from '@cloister/core'
import { and, asc, count, desc, eq, gt, lt, min, or, type SQL, sql, sum } from 'drizzle-orm'
import type { Address, Hex } from 'viem'
import type { Database } from '../../database/open.ts'
import { event, lease, payment, pool, worker } from '../../database/schema.ts'
import { readPeriods } from '../stake/queries.ts'

/** Where a page begins: after this place in the order of the chain, newest first. */
export interface Place {
  block: number
  logIndex: number
  part?: number | undefined
}

/** `next` is the place of the last item, in the order of the list, unless there are no more. */
export interface Page<T, P = Place> {
  items: T[]
  next: P | undefined
}

export type Filters = Record<string, string | boolean | undefined>

/** Leases, newest first. */
export async function findLeases(
  database: Database,
  filters: {
    lease?: string
    short?: string
    name?: string
    wishedName?: string
    tenant?: string
    worker?: string
    provider?: string
    token?: string
    open?: boolean
  },
  limit: number,
  after?: Place,
): Promise<Page<LeaseRecord>> {
  const where = and(
    ...equal(
      {
        id: lease.id,
        short: lease.shortId,
        tenant: lease.tenant,
        worker: lease.worker,
        provider: lease.provider,
        token: lease.token,
        open: lease.open,
        wishedName: lease.wishedName,
      },
      { ...filters, id: filters.lease, ...(filters.name !== undefined && { wishedName: filters.name }) },
    ),
    // Of those that wish for a name, the first that is open has it.
    filters.name === undefined ? undefined : isHolder(),
    after &&
      or(
        lt(lease.openedBlock, after.block),
        and(eq(lease.openedBlock, after.block), lt(lease.openedLogIndex, after.logIndex)),
      ),
  )
  const rows = await database
    .select({
      lease,
      endpoint: worker.endpoint,
      tlsKeyHash: worker.tlsKeyHash,
      holds: sql<boolean>`${isHolder()}`,
    })
    .from(lease)
    .leftJoin(worker, eq(worker.address, lease.worker))
    .where(where)
    .orderBy(desc(lease.openedBlock), desc(lease.openedLogIndex))
    .limit(limit + 1)
  const items = rows.slice(0, limit).map(
    ({ lease: row, endpoint, tlsKeyHash, holds }): LeaseRecord => ({
      lease: row.id as Hex,
      shortId: row.shortId,
      ...(row.wishedName !== null && { wishedName: row.wishedName }),
      ...(row.wishedName !== null && holds && { name: row.wishedName }),
      state: row.open ? 'open' : 'closed',
      tenant: row.tenant as Address,
      worker: row.worker as Address,
      provider: row.provider as Address,
      token: row.token as Address,
      ratePerSecond: row.ratePerSecond.toString(),
      deposit: row.deposit.toString(),
      spent: row.spent.toString(),
      fee: row.fee.toString(),
      refund: row.refund.toString(),
      coveredSeconds: row.coveredSeconds,
      manifestHash: row.manifestHash as Hex,
      openedAt: row.openedAt,
      ...(row.closedAt !== null && { closedAt: row.closedAt }),
      ...(row.noticeUntil !== null && { noticeUntil: row.noticeUntil }),
      refused: row.refused,
      endpoint: endpoint ?? '',
      ...(tlsKeyHash !== null && { tlsKeyHash: tlsKeyHash as Hex }),
      transaction: row.transaction as Hex,
    }),
  )
  const last = rows[limit - 1]?.lease
  return {
    items,
    next:
      rows.length > limit && last ? { block: last.openedBlock, logIndex: last.openedLogIndex } : undefined,
  }
}

function isHolder(): SQL {
  return sql`(${lease.open} and not exists (select 1 from lease as earlier where earlier.wished_name = ${lease.wishedName} and earlier.open and (earlier.opened_block, earlier.opened_log_index) < (${lease.openedBlock}, ${lease.openedLogIndex})))`
}

/** What answers depend on besides the tables. */
export interface View {
  /** Unix seconds; decides what is covered. */
  now: number
  /** The network's root is a development one. */
  simulated: boolean
}

/** Workers, those registered first first. */
export async function findWorkers(
  database: Database,
  filters: { worker?: string; provider?: string; gpuClass?: string; covered?: boolean },
  { now, simulated }: View,
): Promise<WorkerRecord[]> {
  const served = database
    .select({
      worker: lease.worker,
      total: count().as('total'),
      open: sql<number>`count(*) filter (where ${lease.open})`.as('open_leases'),
    })
    .from(lease)
    .where(eq(lease.refused, false))
    .groupBy(lease.worker)
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
      attestation: row.coveredUntil <= now || row.retired ? 'lapsed' : simulated ? 'simulated' : 'attested',
      ...(row.platform !== null && { platform: row.platform as Hex }),
      ...(row.image !== null && { image: row.image as Hex }),
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
  filters: { provider?: string },
  view: View,
): Promise<ProviderRecord[]> {
  const workers = await findWorkers(database, filters, view)
  const earned = await database
    .select({
      provider: lease.provider,
      token: lease.token,
      amount: sql<string>`(sum(${lease.spent}) - sum(${lease.fee}))::text`,
      refused: sql<number>`count(*) filter (where ${lease.refused})`,
    })
    .from(lease)
    .where(and(...equal({ provider: lease.provider }, filters)))
    .groupBy(lease.provider, lease.token)
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

/** Money that moved, newest first. */
export async function findPayments(
  database: Database,
  filters: { lease?: string; account?: string; token?: string; kind?: string },
  limit: number,
  after?: Place,
): Promise<Page<PaymentRecord>> {
  const { block, logIndex, part } = payment
  const rows = await database
    .select()
    .from(payment)
    .where(
      and(
        ...equal(
          { lease: payment.lease, account: payment.account, token: payment.token, kind: payment.kind },
          filters,
        ),
        after &&
          sql`(${block}, ${logIndex}, ${part}) < (${after.block}, ${after.logIndex}, ${after.part ?? 0})`,
      ),
    )
    .orderBy(desc(block), desc(logIndex), desc(part))
    .limit(limit + 1)
  const items = rows.slice(0, limit).map(
    (row): PaymentRecord => ({
      kind: row.kind as PaymentRecord['kind'],
      ...(row.lease !== null && { lease: row.lease as Hex }),
      account: row.account as Address,
      token: row.token as Address,
      amount: row.amount.toString(),
      block: row.block,
      time: row.time,
      transaction: row.transaction as Hex,
    }),
  )
  const last = rows[limit - 1]
  return {
    items,
    next:
      rows.length > limit && last
        ? { block: last.block, logIndex: last.logIndex, part: last.part }
        : undefined,
  }
}

/** Events of the contracts, newest first. */
export async function findEvents(
  database: Database,
  filters: { lease?: string; worker?: string; name?: string },
  limit: number,
  after?: Place,
): Promise<Page<ChainEventRecord>> {
  const rows = await database
    .select()
    .from(event)
    .where(
      and(
        ...equal({ lease: event.lease, worker: event.worker, name: event.name }, filters),
        after && sql`(${event.block}, ${event.logIndex}) < (${after.block}, ${after.logIndex})`,
      ),
    )
    .orderBy(desc(event.block), desc(event.logIndex))
    .limit(limit + 1)
  const items = rows.slice(0, limit).map(
    ({ lease: of, worker: by, transaction, ...row }): ChainEventRecord => ({
      ...row,
      transaction: transaction as Hex,
      ...(of !== null && { lease: of as Hex }),
      ...(by !== null && { worker: by as Address }),
    }),
  )
  const last = rows[limit - 1]
  return {
    items,
    next: rows.length > limit && last ? { block: last.block, logIndex: last.logIndex } : undefined,
  }
}

/** The network in numbers. */
export async function readTotals(database: Database, now: number, start: number): Promise<TotalsRecord> {
  const covered = and(gt(worker.coveredUntil, now), eq(worker.retired, false))
  const [[leases], [workers], paid, [staked], periods] = await Promise.all([
    database
      .select({
        all: count(),
        open: sql<number>`count(*) filter (where ${lease.open})`,
        tenants: sql<number>`count(distinct ${lease.tenant})`,
      })
      .from(lease),
    database
      .select({
        all: sql<number>`count(*) filter (where not ${worker.retired})`,
        providers: sql<number>`count(distinct ${worker.provider})`,
        covered: sql<number>`count(*) filter (where ${covered})`,
        cpu: sql<number>`coalesce(sum(${worker.cpuMilli}) filter (where ${covered}), 0)`,
        memory: sql<number>`coalesce(sum(${worker.memoryMiB}) filter (where ${covered}), 0)`,
        gpus: sql<number>`coalesce(sum(${worker.gpus}) filter (where ${covered}), 0)`,
      })
      .from(worker),
    database
      .select({
        token: lease.token,
        deposits: sum(lease.deposit),
        spent: sum(lease.spent),
        fees: sum(lease.fee),
      })
      .from(lease)
      .groupBy(lease.token)
      .orderBy(min(lease.openedBlock)),
    database.select({ all: sum(pool.assets) }).from(pool),
    readPeriods(database, now, start),
  ])
  return {
    leases: leases?.all ?? 0,
    openLeases: Number(leases?.open ?? 0),
    workers: Number(workers?.all ?? 0),
    coveredWorkers: Number(workers?.covered ?? 0),
    providers: Number(workers?.providers ?? 0),
    tenants: Number(leases?.tenants ?? 0),
    cpuMilli: Number(workers?.cpu ?? 0),
    memoryMiB: Number(workers?.memory ?? 0),
    gpus: Number(workers?.gpus ?? 0),
    paid: paid.map(({ token, deposits, spent, fees }) => ({
      token: token as Address,
      deposits: deposits ?? '0',
      spent: spent ?? '0',
      fees: fees ?? '0',
    })),
    staked: staked?.all ?? '0',
    periods,
  }
}

/** Conditions for the filters that were given. */
export function equal(
  columns: Record<string, SQL | Parameters<typeof eq>[0]>,
  filters: Filters,
): (SQL | undefined)[] {
  return Object.entries(columns).map(([key, column]) =>
    filters[key] === undefined ? undefined : eq(column as SQL, filters[key]),
  )
}
