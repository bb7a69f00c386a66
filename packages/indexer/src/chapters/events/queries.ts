import type { ChainEventRecord } from '@cloister/core'
import { and, desc, eq, exists, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import type { Address, Hex } from 'viem'
import { type Page, type Place, pageFrom, placeIn } from '../../api/paging.ts'
import type { Filter } from '../../database/filters.ts'
import type { Database } from '../../database/open.ts'
import type { Plan } from '../../engine/plan.ts'
import { event, subject } from '../../engine/tables.ts'

/** Events of the contracts, newest first. */
export async function findEvents(
  database: Database,
  plan: Plan,
  filters: Filter<'lease' | 'worker' | 'name'>,
  limit: number,
  after?: Place,
): Promise<Page<ChainEventRecord>> {
  const rows = await rowsOf(database, filters, limit, after)
  return pageFrom(
    rows,
    limit,
    ({ contract, ...row }): ChainEventRecord => {
      const of = new Map(
        plan
          .of({ contract, name: row.name })
          .subjects.map(({ kind, argument }) => [kind, row.args[argument]]),
      )
      // Rows hold what was decoded from events: hashes, ids and addresses.
      return {
        ...row,
        transaction: row.transaction as Hex,
        ...(of.has('lease') && { lease: of.get('lease') as Hex }),
        ...(of.has('worker') && { worker: of.get('worker') as Address }),
      }
    },
    placeIn,
  )
}

function rowsOf(
  database: Database,
  { lease, worker, name }: Filter<'lease' | 'worker' | 'name'>,
  limit: number,
  after: Place | undefined,
) {
  const subjects = [
    ...(lease === undefined ? [] : [{ kind: 'lease', id: lease }]),
    ...(worker === undefined ? [] : [{ kind: 'worker', id: worker }]),
  ]
  const [first, second] = subjects
  const named = name === undefined ? undefined : eq(event.name, name)
  const before = (of: typeof event | typeof subject) =>
    after && sql`(${of.block}, ${of.logIndex}) < (${after.block}, ${after.logIndex})`
  if (!first)
    return database
      .select()
      .from(event)
      .where(and(named, before(event)))
      .orderBy(desc(event.block), desc(event.logIndex))
      .limit(limit + 1)
  const other = alias(subject, 'other')
  const isAlso =
    second &&
    exists(
      database
        .select({ id: other.id })
        .from(other)
        .where(
          and(
            eq(other.kind, second.kind),
            eq(other.id, second.id),
            eq(other.block, subject.block),
            eq(other.logIndex, subject.logIndex),
          ),
        ),
    )
  return database
    .select({
      block: event.block,
      logIndex: event.logIndex,
      time: event.time,
      transaction: event.transaction,
      contract: event.contract,
      name: event.name,
      args: event.args,
    })
    .from(subject)
    .innerJoin(event, and(eq(event.block, subject.block), eq(event.logIndex, subject.logIndex)))
    .where(and(eq(subject.kind, first.kind), eq(subject.id, first.id), named, before(subject), isAlso))
    .orderBy(desc(subject.block), desc(subject.logIndex))
    .limit(limit + 1)
}
