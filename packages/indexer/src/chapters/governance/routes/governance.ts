import { governedContracts } from '@cloister/chain'
import { GovernanceRecord } from '@cloister/core'
import { route } from '../../../api/route.ts'
import { foldAnnouncements } from '../announcements.ts'
import { foldProposals } from '../proposals.ts'
import { readActions } from '../queries.ts'
import { foldSuspensions } from '../suspensions.ts'

export const governanceRoute = route(
  {
    path: '/v1/governance',
    summary: 'What governance announced, suspended and proposed, and what became of it, newest first',
    answer: GovernanceRecord,
    description: 'All of it.',
  },
  async (_, { database, plan, network, now }) => {
    const events = await readActions(database, plan)
    const instant = now()
    return {
      announcements: foldAnnouncements(events, governedContracts(network), instant),
      suspensions: foldSuspensions(events, instant),
      proposals: foldProposals(events, instant),
    }
  },
)
