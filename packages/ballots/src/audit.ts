import {
  type Chain,
  type CountedVoteEvent,
  getBallotStanding,
  getProposedBallot,
  getVoteEvents,
  type ProposedBallot,
} from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import type { Address, Hex } from 'viem'
import type { Ballot } from './ballot.ts'
import { ballotOf, readPower } from './chain-source.ts'
import { inBatches } from './in-batches.ts'
import { readChoice } from './messages/choice.ts'
import { packChoice, unpackChoice } from './messages/packed.ts'
import type { SignedVote } from './messages/vote.ts'
import { lastGoodVotes, lastOfEach } from './post.ts'
import { partsWith, type VotingPower, weigh } from './tally/power.ts'
import { type Tally, tally } from './tally/tally.ts'

/** Of a vote that was cast by a transaction. */
const TRANSACTION_TAG = 2 ** 32 - 1

/** A counted vote that nothing accounts for, or a signed one that isn't counted. */
export interface Discrepancy {
  voter: Address
  what: 'no-envelope' | 'other-choice' | 'bad-signature' | 'not-posted' | 'newer-not-posted'
  /** The vote's id, where there is an envelope. */
  id?: Hex
}

/** What an audit of a ballot found. */
export interface Audit {
  ballot: Ballot
  /** Of the votes that the chain counts, with power worked out anew. */
  recomputed: Tally
  /** What the contract says, as `Tally.sums` and `Tally.total`. */
  onChain: { sums: readonly bigint[]; total: bigint }
  isSame: boolean
  /** Votes that the chain counts, and how many of them were cast by a transaction. */
  counted: number
  byTransaction: number
  /** Envelopes that were given, the last of each voter. */
  envelopes: number
  discrepancies: Discrepancy[]
}

/**
 * Works a ballot's tally out of the chain's events and of envelopes, believing neither the contract's sums
 * nor any hub: power of every voter at the second that was fixed, parts that were counted, delegators that
 * voted themselves. Throws `not-found`, `chain-unreachable`.
 */
export async function auditBallot(chain: Chain, id: Hex, envelopes: Iterable<SignedVote>): Promise<Audit> {
  const proposed = await getProposedBallot(chain, id)
  if (!proposed) throw new CloisterError('not-found', `There is no ballot ${id} on this network.`)
  const [standing, events] = await Promise.all([
    getBallotStanding(chain, id),
    getVoteEvents(chain, id, proposed.block),
  ])
  const ballot = await ballotOf(proposed, standing, () => undefined)
  const counted = lastOfEach(events)
  const recomputed = await recompute(chain, ballot, proposed, counted)
  const onChain = { sums: standing.tally, total: BigInt(standing.facts.turnout) }
  const { last, leftOut } = await lastGoodVotes(ballot, envelopes)
  const signed = new Map(last.map((vote) => [vote.from, vote]))
  const forged = leftOut.filter(({ reason }) => reason === 'bad-signature')
  return {
    ballot,
    recomputed,
    onChain,
    isSame:
      recomputed.total === onChain.total &&
      recomputed.sums.length === onChain.sums.length &&
      recomputed.sums.every((sum, at) => sum === onChain.sums[at]),
    counted: counted.size,
    byTransaction: [...counted.values()].filter(isByTransaction).length,
    envelopes: signed.size,
    discrepancies: [
      ...compare(ballot, counted, signed),
      ...forged.map(({ voter, id: vote }) => ({ voter, what: 'bad-signature' as const, id: vote })),
    ],
  }
}

async function recompute(
  chain: Chain,
  { kind, choices }: Ballot,
  { snapshot }: ProposedBallot,
  counted: ReadonlyMap<Address, CountedVoteEvent>,
): Promise<Tally> {
  const powers = await inBatches(
    counted.values(),
    async ({ voter, parts }): Promise<[Address, VotingPower]> => [
      voter,
      partsWith(await readPower(chain, voter, snapshot), parts),
    ],
  )
  const weights = weigh(new Map(powers))
  return tally(
    kind,
    choices.length,
    [...counted.values()].map(({ voter, choice }) => ({
      choice: unpackChoice(kind, choices.length, choice),
      power: weights.get(voter) ?? 0n,
    })),
  )
}

/** Whether a vote was cast by a transaction. */
const isByTransaction = ({ tag }: CountedVoteEvent) => tag === TRANSACTION_TAG

function compare(
  ballot: Ballot,
  counted: ReadonlyMap<Address, CountedVoteEvent>,
  signed: ReadonlyMap<Address, SignedVote>,
): Discrepancy[] {
  const found: Discrepancy[] = []
  for (const event of counted.values()) {
    const { voter, choice, timestamp } = event
    const vote = signed.get(voter)
    if (!vote) {
      if (!isByTransaction(event)) found.push({ voter, what: 'no-envelope' })
      continue
    }
    const { id } = vote
    if (vote.timestamp > timestamp) found.push({ voter, what: 'newer-not-posted', id })
    else if (vote.timestamp === timestamp && wordOf(ballot, vote) !== choice)
      found.push({ voter, what: 'other-choice', id })
    else if (vote.timestamp < timestamp && !isByTransaction(event))
      found.push({ voter, what: 'no-envelope', id })
  }
  for (const { from, id } of signed.values())
    if (!counted.has(from)) found.push({ voter: from, what: 'not-posted', id })
  return found
}

/** A vote's choice as the contract would keep it; undefined where it would not. */
function wordOf({ kind, choices }: Ballot, { choice }: SignedVote): bigint | undefined {
  try {
    return packChoice(readChoice(kind, choices.length, choice))
  } catch (error) {
    if (error instanceof CloisterError) return undefined
    throw error
  }
}
