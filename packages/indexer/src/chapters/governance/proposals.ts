import { PROPOSAL_EXPIRY_SECONDS, type ProposalRecord } from '@cloister/core'
import type { Address, Hex } from 'viem'
import { type GovernanceRow, withOwners } from './events.ts'

/** Slashes that governance proposed, and what became of them, newest first. */
export function foldProposals(rows: GovernanceRow[], now: number): ProposalRecord[] {
  const known = new Map<string, ProposalRecord>()
  for (const [row, owner] of withOwners(rows)) {
    const id = String(row.args['id'])
    const before = known.get(id)
    if (row.name === 'Proposed') {
      const readyAt = Number(row.args['readyAt'])
      known.set(id, {
        id,
        provider: row.args['provider'] as Address,
        bps: Number(row.args['bps']),
        reason: row.args['reason'] as Hex,
        ...owner,
        proposedAt: row.time,
        readyAt,
        expiresAt: readyAt + PROPOSAL_EXPIRY_SECONDS,
        state: 'waiting',
        transaction: row.transaction as Hex,
      })
    } else if (row.name === 'Executed' && before)
      known.set(id, { ...before, state: 'executed', taken: String(row.args['taken']) })
    else if (row.name === 'Cancelled' && before) known.set(id, { ...before, state: 'cancelled' })
  }
  return [...known.values()]
    .map((one): ProposalRecord => (one.state === 'waiting' ? { ...one, state: stateOf(one, now) } : one))
    .reverse()
}

function stateOf({ readyAt, expiresAt }: ProposalRecord, now: number): ProposalRecord['state'] {
  if (now < readyAt) return 'waiting'
  return now < expiresAt ? 'ready' : 'expired'
}
