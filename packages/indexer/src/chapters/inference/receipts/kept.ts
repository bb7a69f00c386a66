import { InferenceReceipt } from '@cloister/inference/protocol'
import { and, asc } from 'drizzle-orm'
import { equal } from '../../../database/filters.ts'
import type { Database } from '../../../database/open.ts'
import { keptReceipt } from '../tables.ts'

/** A receipt by its id, the first of that id that was kept; undefined where none was. */
export async function findReceipt(
  database: Database,
  id: string,
  lease: string | undefined,
): Promise<InferenceReceipt | undefined> {
  const [found] = await database
    .select({ receipt: keptReceipt.receipt })
    .from(keptReceipt)
    .where(and(...equal({ id: keptReceipt.id, lease: keptReceipt.lease }, { id, lease })))
    .orderBy(asc(keptReceipt.keptAt))
    .limit(1)
  return found && InferenceReceipt.parse(JSON.parse(found.receipt))
}
