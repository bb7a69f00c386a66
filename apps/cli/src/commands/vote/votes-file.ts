import { parseVotes, type SignedVote } from '@cloister/ballots'
import { type Cloister, votes } from '@cloister/sdk'
import type { Hex } from 'viem'
import { readInput } from '../migrate/input.ts'

export interface VotesOptions {
  hub?: string
  file?: string
}

/** Votes of a file that was named, or that a hub has. Throws `no-file`, `unreachable`. */
export function readVotes(
  cloister: Cloister,
  ballot: Hex,
  { hub, file }: VotesOptions,
): Promise<SignedVote[]> {
  if (file === undefined) return votes.gather(cloister, ballot, hub)
  return Promise.resolve(parseVotes(readInput(file)))
}
