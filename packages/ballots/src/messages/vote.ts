import { type Address, type Hex, hashTypedData } from 'viem'
import { type ChoiceForm, DOMAIN, VOTE_TYPES } from './types.ts'

/** A choice as Snapshot's messages have it: a number from 1, a list of them, or weights as JSON. */
export type RawChoice = number | number[] | string

/** A vote as its voter signs it. */
export interface Vote {
  /** Who votes. */
  from: Address
  /** The space that the network's ballots are in. */
  space: string
  /** Unix seconds; of two votes of one voter the later one counts. */
  timestamp: number
  /** The ballot. */
  proposal: Hex
  choice: RawChoice
  reason: string
  /** What it was made with. */
  app: string
  /** JSON. */
  metadata: string
}

/** A vote with its signature (65 bytes), and its id: the EIP-712 digest that was signed. */
export interface SignedVote extends Vote {
  id: Hex
  signature: Hex
}

/** How a choice is written. */
export function formOf(choice: RawChoice): ChoiceForm {
  if (typeof choice === 'number') return 'number'
  return typeof choice === 'string' ? 'text' : 'list'
}

/** What a voter signs, exactly as snapshot.js has it signed. */
export function voteTypedData(vote: Vote) {
  const { from, space, timestamp, proposal, choice, reason, app, metadata } = vote
  return {
    domain: DOMAIN,
    types: VOTE_TYPES[formOf(choice)],
    primaryType: 'Vote',
    message: { from, space, timestamp: BigInt(timestamp), proposal, choice, reason, app, metadata },
  } as const
}

/** A vote's id: what is signed, and what Snapshot calls it by. */
export function idOfVote(vote: Vote): Hex {
  // The types depend on the choice, which is more than can be inferred.
  return hashTypedData(voteTypedData(vote) as Parameters<typeof hashTypedData>[0])
}

/** The first four bytes of an id, which the contract keeps of a vote that was posted. */
export function tagOf(id: Hex): number {
  return Number(id.slice(0, 10))
}

/**
 * Whether one vote of a voter takes another's place: a later one does, and of one second that with the
 * greater tag.
 */
export function replaces(
  vote: Pick<SignedVote, 'timestamp' | 'id'>,
  other: Pick<SignedVote, 'timestamp' | 'id'>,
): boolean {
  if (vote.timestamp !== other.timestamp) return vote.timestamp > other.timestamp
  return tagOf(vote.id) > tagOf(other.id)
}
