import type { AllowanceRecord, AppPolicyRecord, AppRecord, SeatRecord } from '@cloister/core'
import { and, asc, desc, eq, isNotNull, isNull, sql } from 'drizzle-orm'
import type { Address, Hex } from 'viem'
import { type Page, type Place, pageFrom, placeIn } from '../../api/paging.ts'
import { equal, type Filter } from '../../database/filters.ts'
import type { Database } from '../../database/open.ts'
import { lease } from '../leases/tables.ts'
import { delayAt } from './fold.ts'
import { allowance, app, seat } from './tables.ts'

/** Apps, those registered last first. `now`: Unix seconds. */
export async function findApps(
  database: Database,
  filters: Filter<'owner' | 'app'>,
  now: number,
  limit: number,
  after?: Place,
): Promise<Page<AppRecord>> {
  const rows = await database
    .select()
    .from(app)
    .where(
      and(
        ...equal({ owner: app.owner, app: app.id }, filters),
        after && sql`(${app.block}, ${app.logIndex}) < (${after.block}, ${after.logIndex})`,
      ),
    )
    .orderBy(desc(app.block), desc(app.logIndex))
    .limit(limit + 1)
  return pageFrom(rows, limit, (row) => recordOf(row, now), placeIn)
}

/** An app with its policy; undefined where there is none. */
export async function findApp(
  database: Database,
  id: string,
  now: number,
): Promise<AppPolicyRecord | undefined> {
  const [found] = (await findApps(database, { app: id }, now, 1)).items
  if (!found) return undefined
  const rows = await database
    .select()
    .from(allowance)
    .where(and(eq(allowance.app, id), isNotNull(allowance.allowedFrom)))
    .orderBy(asc(allowance.allowedFrom), asc(allowance.hash))
  const of = (kind: string) =>
    rows
      .filter((row) => row.kind === kind)
      .map(({ hash, allowedFrom }): AllowanceRecord => {
        const from = allowedFrom ?? 0
        const isVoid = found.frozenAt !== undefined && from > found.frozenAt
        // Rows hold what was decoded from events: hashes and addresses, here and below.
        return { hash: hash as Hex, allowedFrom: from, void: isVoid }
      })
  return { ...found, manifests: of('manifest'), measurements: of('measurement') }
}

function recordOf(row: typeof app.$inferSelect, now: number): AppRecord {
  const { id, name, nextDelay, nextDelayFrom, frozenAt, registeredAt } = row
  const isAnnounced = nextDelay !== null && nextDelayFrom !== null && nextDelayFrom > now
  return {
    app: id as Hex,
    name,
    registeredBy: row.registeredBy as Address,
    owner: row.owner as Address,
    ...(row.pendingOwner !== null && { pendingOwner: row.pendingOwner as Address }),
    upgradeDelay: delayAt(row, now),
    ...(isAnnounced && { nextUpgradeDelay: { seconds: nextDelay, from: nextDelayFrom } }),
    ...(frozenAt !== null && { frozenAt }),
    registeredAt,
    transaction: row.transaction as Hex,
  }
}

/** Seats that were filled and that nobody was put out of, by number. */
export async function findSeats(database: Database): Promise<SeatRecord[]> {
  const rows = await database
    .select({ seat, isOpen: lease.open, manifestHash: lease.manifestHash })
    .from(seat)
    .leftJoin(lease, eq(lease.id, seat.lease))
    .where(isNull(seat.vacatedAt))
    .orderBy(asc(seat.number))
  return rows.map(
    ({ seat: row, isOpen, manifestHash }): SeatRecord => ({
      seat: Number(row.number),
      lease: row.lease as Hex,
      worker: row.worker as Address,
      provider: row.provider as Address,
      manifestHash: row.manifestHash as Hex,
      filledAt: row.filledAt,
      ...(row.absentFrom !== null && { absentFrom: row.absentFrom }),
      served: isOpen === true && manifestHash === row.manifestHash,
    }),
  )
}
