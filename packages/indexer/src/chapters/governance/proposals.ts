import { CloisterError, PROPOSAL_EXPIRY_SECONDS, type ProposalRecord } from '@cloister/core'
import { type GovernanceEvent, withOwners } from './events.ts'

/** Slashes that governance proposed, and what became of them, newest first. */
export function foldProposals(events: GovernanceEvent[], now: number): ProposalRecord[] {
  const known = new Map<string, ProposalRecord>()
  for (const [event, owner] of withOwners(events)) {
    if (event.name !== 'Proposed' && event.name !== 'Executed' && event.name !== 'Cancelled') continue
    const id = event.args.id.toString()
    const before = known.get(id)
    if (event.name === 'Proposed') {
      const readyAt = Number(event.args.readyAt)
      known.set(id, {
        id,
        provider: event.args.provider,
        bps: Number(event.args.bps),
        reason: event.args.reason,
        ...owner,
        proposedAt: event.time,
        readyAt,
        expiresAt: readyAt + PROPOSAL_EXPIRY_SECONDS,
        state: 'waiting',
        transaction: event.transaction,
      })
    } else if (!before)
      throw new CloisterError('bad-index', `The proposal ${id} is over, and none such was made.`)
    else if (event.name === 'Executed')
      known.set(id, { ...before, state: 'executed', taken: event.args.taken.toString() })
    else known.set(id, { ...before, state: 'cancelled' })
  }
  return [...known.values()]
    .map((one): ProposalRecord => (one.state === 'waiting' ? { ...one, state: stateOf(one, now) } : one))
    .reverse()
}

function stateOf({ readyAt, expiresAt }: ProposalRecord, now: number): ProposalRecord['state'] {
  if (now < readyAt) return 'waiting'
  return now < expiresAt ? 'ready' : 'expired'
}
