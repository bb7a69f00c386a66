import { governedContracts, type Network } from '@cloister/chain'
import { GovernanceRecord } from '@cloister/core'
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import { asc } from 'drizzle-orm'
import { json } from '../../api/route.ts'
import type { Database } from '../../database/open.ts'
import { governance } from '../../database/schema.ts'
import { foldAnnouncements } from './announcements.ts'
import { foldProposals } from './proposals.ts'
import { foldSuspensions } from './suspensions.ts'

const route = createRoute({
  method: 'get',
  path: '/v1/governance',
  summary: 'What governance announced, suspended and proposed, and what became of it, newest first',
  responses: { 200: json(GovernanceRecord, 'All of it.') },
})

/** Adds what is asked about governance. */
export function addGovernanceRoute(
  app: OpenAPIHono,
  { database, now, network }: { database: Database; now: () => number; network: Network },
): void {
  const contracts = governedContracts(network)
  app.openapi(route, async (context) => {
    const rows = await database
      .select()
      .from(governance)
      .orderBy(asc(governance.block), asc(governance.logIndex))
    const instant = now()
    return context.json(
      {
        announcements: foldAnnouncements(rows, contracts, instant),
        suspensions: foldSuspensions(rows, instant),
        proposals: foldProposals(rows, instant),
      },
      200,
    )
  })
}
