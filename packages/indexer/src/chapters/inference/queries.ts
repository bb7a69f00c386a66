import type { AnchorRecord, ChannelRecord, KeyRecord, OfferRecord, PurseRecord } from '@cloister/core'
import { and, desc, eq, isNull, sql } from 'drizzle-orm'
import type { Address, Hex } from 'viem'
import { type Page, type Place, pageFrom, placeIn } from '../../api/paging.ts'
import { equal, type Filter } from '../../database/filters.ts'
import type { Database } from '../../database/open.ts'
import { lease } from '../leases/tables.ts'
import { anchor, channel, offer, purse, sessionKey } from './tables.ts'

/** Models that are or were offered, the newest first. `open`: those that stand, of leases that are open. */
export async function findOffers(
  database: Database,
  {
    open,
    ...filters
  }: Filter<'offer' | 'model' | 'lease' | 'provider' | 'tenant'> & { open?: boolean | undefined },
  limit: number,
  after?: Place,
): Promise<Page<OfferRecord>> {
  const stands = and(isNull(offer.endedAt), eq(lease.open, true))
  const rows = await database
    .select({
      offer,
      tenant: lease.tenant,
      worker: lease.worker,
      provider: lease.provider,
      manifestHash: lease.manifestHash,
      isOpen: lease.open,
    })
    .from(offer)
    .innerJoin(lease, eq(lease.id, offer.lease))
    .where(
      and(
        ...equal(
          {
            offer: offer.id,
            model: offer.model,
            lease: offer.lease,
            provider: lease.provider,
            tenant: lease.tenant,
          },
          filters,
        ),
        open === undefined ? undefined : open ? stands : sql`not (${stands})`,
        after && sql`(${offer.block}, ${offer.logIndex}) < (${after.block}, ${after.logIndex})`,
      ),
    )
    .orderBy(desc(offer.block), desc(offer.logIndex))
    .limit(limit + 1)
  return pageFrom(
    rows,
    limit,
    // Rows hold what was decoded from events: hashes and addresses, here and below.
    ({ offer: row, isOpen, ...its }): OfferRecord => ({
      offer: row.id as Hex,
      lease: row.lease as Hex,
      tenant: its.tenant as Address,
      worker: its.worker as Address,
      provider: its.provider as Address,
      manifestHash: its.manifestHash as Hex,
      model: row.model,
      options: row.options,
      token: row.token as Address,
      payee: row.payee as Address,
      input: String(row.input),
      cached: String(row.cached),
      output: String(row.output),
      offeredAt: row.offeredAt,
      ...(row.endedAt !== null && { endedAt: row.endedAt }),
      open: row.endedAt === null && isOpen,
      transaction: row.transaction as Hex,
    }),
    ({ offer: row }) => placeIn(row),
  )
}

/** Channels with what ever moved through them, the newest first. */
export async function findChannels(
  database: Database,
  filters: Filter<'channel' | 'payer' | 'payerAuthorizer' | 'receiver'>,
  limit: number,
  after?: Place,
): Promise<Page<ChannelRecord>> {
  const { id, payer, payerAuthorizer, receiver } = channel
  const rows = await database
    .select()
    .from(channel)
    .where(
      and(
        ...equal({ channel: id, payer, payerAuthorizer, receiver }, filters),
        after && sql`(${channel.block}, ${channel.logIndex}) < (${after.block}, ${after.logIndex})`,
      ),
    )
    .orderBy(desc(channel.block), desc(channel.logIndex))
    .limit(limit + 1)
  return pageFrom(
    rows,
    limit,
    (row): ChannelRecord => ({
      channel: row.id as Hex,
      payer: row.payer as Address,
      payerAuthorizer: row.payerAuthorizer as Address,
      receiver: row.receiver as Address,
      receiverAuthorizer: row.receiverAuthorizer as Address,
      token: row.token as Address,
      withdrawDelay: row.withdrawDelay,
      salt: row.salt as Hex,
      drawn: String(row.drawn),
      filled: String(row.filled),
      claimed: String(row.claimed),
      fee: String(row.fee),
      returned: String(row.returned),
      ...(row.leavesAt !== 0 && { leaving: { amount: String(row.leaving), at: row.leavesAt } }),
      openedAt: row.openedAt,
    }),
    placeIn,
  )
}

/** What draws came to, less what came back of them. */
const stillDrawn = sql<string>`coalesce(sum(${channel.drawn} - ${channel.drawnBack}), 0)`

/** Session keys: one, or all of a payer's. */
export async function findKeys(database: Database, filters: Filter<'key' | 'payer'>): Promise<KeyRecord[]> {
  const rows = await database
    .select({ row: sessionKey, drawn: stillDrawn })
    .from(sessionKey)
    .leftJoin(channel, and(eq(channel.payerAuthorizer, sessionKey.key), eq(channel.payer, sessionKey.payer)))
    .where(and(...equal({ key: sessionKey.key, payer: sessionKey.payer }, filters)))
    .groupBy(sessionKey.key)
    .orderBy(sessionKey.key)
    .limit(1_000)
  return rows.map(
    ({ row, drawn }): KeyRecord => ({
      key: row.key as Address,
      payer: row.payer as Address,
      token: row.token as Address,
      cap: String(row.cap),
      drawn: String(drawn),
      until: row.until,
    }),
  )
}

/** A payer's purses, one for each token: what was put in, less what was taken out or is in channels. */
export async function findPurses(database: Database, payer: string): Promise<PurseRecord[]> {
  const [filled, channelsOf] = await Promise.all([
    database.select().from(purse).where(eq(purse.payer, payer)),
    database
      .select({
        token: channel.token,
        moved: sql<string>`coalesce(sum(${channel.drawn} - ${channel.returned}), 0)`,
      })
      .from(channel)
      .where(eq(channel.payer, payer))
      .groupBy(channel.token),
  ])
  const moved = new Map(channelsOf.map((row) => [row.token, BigInt(row.moved)]))
  const known = new Map(filled.map((row) => [row.token, row]))
  return [...new Set([...known.keys(), ...moved.keys()])].toSorted().map((token): PurseRecord => {
    const row = known.get(token)
    const balance = (row?.filled ?? 0n) - (row?.emptied ?? 0n) - (moved.get(token) ?? 0n)
    return {
      payer: payer as Address,
      token: token as Address,
      balance: String(balance),
      ...(row && row.leavesAt !== 0 && { leaving: { amount: String(row.leaving), at: row.leavesAt } }),
    }
  })
}

/** Batches of receipts that workers anchored, the newest first. */
export async function findAnchors(
  database: Database,
  filters: Filter<'lease' | 'worker'>,
  limit: number,
  after?: Place,
): Promise<Page<AnchorRecord>> {
  const rows = await database
    .select()
    .from(anchor)
    .where(
      and(
        ...equal({ lease: anchor.lease, worker: anchor.worker }, filters),
        after && sql`(${anchor.block}, ${anchor.logIndex}) < (${after.block}, ${after.logIndex})`,
      ),
    )
    .orderBy(desc(anchor.block), desc(anchor.logIndex))
    .limit(limit + 1)
  return pageFrom(
    rows,
    limit,
    (row): AnchorRecord => ({
      lease: row.lease as Hex,
      worker: row.worker as Address,
      era: String(row.era),
      index: String(row.batch),
      count: String(row.count),
      root: row.root as Hex,
      time: row.time,
      transaction: row.transaction as Hex,
    }),
    placeIn,
  )
}
