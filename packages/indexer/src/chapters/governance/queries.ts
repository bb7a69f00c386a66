import { asc } from 'drizzle-orm'
import type { Database } from '../../database/open.ts'
import type { Plan } from '../../engine/plan.ts'
import type { GovernanceEvent } from './events.ts'
import { governance } from './tables.ts'

/** Governance's events, in the order of the chain. */
export async function readActions(database: Database, plan: Plan): Promise<GovernanceEvent[]> {
  const rows = await database
    .select()
    .from(governance)
    .orderBy(asc(governance.block), asc(governance.logIndex))
  // The table has the events of `GOVERNANCE_EVENTS` alone.
  return rows.map((row) => plan.revive(row) as GovernanceEvent)
}
