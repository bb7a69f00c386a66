import type { BallotStatus } from '@cloister/sdk'

/** A ballot as `--json` has it: amounts in base units, times in Unix seconds. */
export function ballotJson({ ballot, proposed, standing, scores }: BallotStatus) {
  const { facts, state, leader, postingEnd } = standing
  return {
    ...ballot,
    state,
    scores,
    turnout: facts.turnout,
    electorate: facts.electorate,
    leader,
    postingEnd,
    isPassing: facts.isPassing,
    executableAt: Number(facts.executableAt),
    calls: proposed.proposal.calls,
    ...(proposed.proposal.candidates.length > 0 && {
      election: { body: proposed.proposal.body, candidates: proposed.proposal.candidates },
    }),
    transaction: proposed.transaction,
  }
}
