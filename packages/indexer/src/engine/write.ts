import { insertRows } from '../database/insert.ts'
import type { Database } from '../database/open.ts'
import { plain } from './args.ts'
import { addTo, markBlocks } from './checkpoint.ts'
import type { ChainEvent } from './contract.ts'
import type { Plan } from './plan.ts'
import type { BlockMark } from './read.ts'
import { Rows } from './rows.ts'
import { event, subject } from './tables.ts'

/** Which subjects a write changed, by kind. */
export type Changed = Map<string, Set<string>>

/**
 * Writes a span of events, what folds from them, and how far reading has come, all or nothing. `blocks` are
 * those with events and, last, the one that reading has come to. Of those below `keepFrom` every thousandth
 * is remembered. Throws `bad-index` where an event is about a row that should be there and isn't.
 */
export async function writeSpan(
  database: Database,
  plan: Plan,
  events: ChainEvent[],
  blocks: BlockMark[],
  keepFrom: number,
): Promise<Changed> {
  return database.transaction(async (tx) => {
    const rows = new Rows()
    for (const one of events)
      for (const { needs } of plan.of(one).handlers) for (const need of needs(one)) rows.want(need)
    await rows.load(tx)
    for (const one of events)
      for (const { subject: folding, apply } of plan.of(one).handlers) {
        rows.folding = folding
        apply(one, rows)
      }
    const subjects = events.flatMap((one) =>
      plan.subjectsOf(one).map((found) => ({ ...found, block: one.block, logIndex: one.logIndex })),
    )
    // The arguments are an object, so their plain form is one.
    const eventRows = events.map((one) => ({ ...one, args: plain(one.args) as Record<string, unknown> }))
    await insertRows(tx, event, eventRows)
    await insertRows(tx, subject, subjects)
    await rows.flush(tx, plan.totals, plan.network)
    await addTo(tx, 'events', events.length)
    await markBlocks(tx, blocks, keepFrom)
    for (const one of events) {
      const folded = new Set(plan.of(one).handlers.map(({ subject: kind }) => kind))
      for (const { kind, id } of plan.subjectsOf(one)) if (folded.has(kind)) rows.note(kind, id)
    }
    return rows.noted
  })
}
