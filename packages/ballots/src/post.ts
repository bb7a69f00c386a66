import {
  BALLOTS_ABI,
  type BallotRow,
  type CountedVoteEvent,
  getVoteEvents,
  postVotes,
  type Wallet,
} from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import {
  type Address,
  type Hex,
  keccak256,
  parseEventLogs,
  parseSignature,
  signatureToCompactSignature,
  stringToBytes,
} from 'viem'
import type { Ballot, BallotSource } from './ballot.ts'
import { inBatches } from './in-batches.ts'
import { readChoice } from './messages/choice.ts'
import { choiceBytes, packChoice } from './messages/packed.ts'
import { isSignedByKey } from './messages/signature.ts'
import { replaces, type SignedVote } from './messages/vote.ts'
import { isInVoting } from './messages/window.ts'
import { bitsOf, type VotingPower } from './tally/power.ts'

/**
 * Votes in one transaction, at less than 40,000 gas each with one part of power, and more with stake in many
 * pools.
 */
const BATCH = 100

/** Why the contract left a row out, by its number (`IBallots.Reason`). */
const REASONS = ['bad-signature', 'out-of-time', 'bad-choice', 'outdated', 'no-power'] as const
export type SkipReason = (typeof REASONS)[number]

/** A vote that isn't posted, or wasn't counted, and why. */
export interface LeftOut {
  id: Hex
  voter: Address
  reason: SkipReason
}

/** A vote to post, with the parts of its voter's power, and the provider of the only pool among them. */
interface DueVote {
  vote: SignedVote
  parts: number
  pool?: Address
}

/** What there is to post of a ballot. */
export interface PostPlan {
  /** Votes that the contract would count, the last of each voter; those of one pool one after the other. */
  due: DueVote[]
  /** How many the contract counts already. */
  counted: number
  leftOut: LeftOut[]
}

/** What was posted. */
export interface PostedBatch {
  transaction: Hex
  /** Votes in it. */
  size: number
  gasUsed: bigint
  leftOut: LeftOut[]
}

/**
 * Looks through votes for those that the contract would count and doesn't yet: the last one of each voter,
 * signed by its key within the voting, with a choice and power. What was posted before is not due again, so
 * that a poster that was stopped goes on where it was.
 */
export async function planPost(
  wallet: Pick<Wallet, 'client' | 'network'>,
  source: BallotSource,
  ballot: Ballot,
  votes: Iterable<SignedVote>,
): Promise<PostPlan> {
  const counted = lastOfEach(await getVoteEvents(wallet, ballot.id, BigInt(wallet.network.deployedAt)))
  const plan: PostPlan = { due: [], counted: counted.size, leftOut: [] }
  const { last, leftOut } = await lastGoodVotes(ballot, votes)
  plan.leftOut.push(...leftOut)
  const powers = await inBatches(last, ({ from }) => source.powerOf(ballot, from))
  for (const [at, vote] of last.entries()) {
    const power = powers[at] ?? []
    const parts = bitsOf(power)
    const before = counted.get(vote.from)
    if (parts === 0) plan.leftOut.push({ id: vote.id, voter: vote.from, reason: 'no-power' })
    else if (!before || isNews(ballot, vote, parts, before))
      plan.due.push({ vote, parts, ...onlyPool(power) })
  }
  // A pool that was looked up for the vote before costs less.
  plan.due.sort((one, other) => (one.pool ?? '').localeCompare(other.pool ?? ''))
  return plan
}

/** Posts what is due, in batches; each is told once it is on the chain. Throws what the chain throws. */
export async function* postDue(
  wallet: Wallet,
  ballot: Ballot,
  due: PostPlan['due'],
): AsyncGenerator<PostedBatch> {
  let size = BATCH
  for (let at = 0; at < due.length; ) {
    const batch = due.slice(at, at + size)
    const rows = batch.map((one, place) => rowOf(one, batch[place - 1]))
    let receipt: Awaited<ReturnType<typeof postVotes>>
    try {
      receipt = await postVotes(wallet, ballot.id, rows)
    } catch (error) {
      // Whoever has stake in many pools takes many times the gas, and so many may not fit into a block.
      if (batch.length === 1 || !(error instanceof CloisterError) || error.mayRetry) throw error
      size = Math.ceil(batch.length / 2)
      continue
    }
    at += batch.length
    const skipped = parseEventLogs({ abi: BALLOTS_ABI, eventName: 'Skipped', logs: receipt.logs })
    yield {
      transaction: receipt.transactionHash,
      size: batch.length,
      gasUsed: receipt.gasUsed,
      leftOut: skipped.flatMap(({ args }) => {
        const vote = batch[Number(args.index)]?.vote
        const reason = REASONS[args.reason]
        return vote && reason ? [{ id: vote.id, voter: vote.from, reason }] : []
      }),
    }
  }
}

/** The provider of the pool that all of an account's stake is in; nothing where there are several or none. */
function onlyPool(power: VotingPower): { pool?: Address } {
  const providers = power.flatMap(({ provider }) => provider ?? [])
  return providers.length === 1 && providers[0] ? { pool: providers[0] } : {}
}

/** A vote as the contract takes it, behind the one `before`. */
function rowOf({ vote, parts, pool }: DueVote, before: DueVote | undefined): BallotRow {
  const { r, yParityAndS } = signatureToCompactSignature(parseSignature(vote.signature))
  const hash = (text: string) => keccak256(stringToBytes(text))
  return {
    r,
    yParityAndS,
    timestamp: vote.timestamp,
    parts,
    isInLastPool: pool !== undefined && pool === before?.pool,
    choice: choiceBytes(vote.choice),
    fromHash: hash(vote.from),
    reasonHash: hash(vote.reason),
    appHash: hash(vote.app),
    metadataHash: hash(vote.metadata),
  }
}

/**
 * The last vote of each voter on a ballot that the contract would count, and those after it that it would
 * not: anybody can write an envelope in a voter's name, or keep one of the wrong time, and neither takes a
 * vote's place.
 */
export async function lastGoodVotes(
  ballot: Ballot,
  votes: Iterable<SignedVote>,
): Promise<{ last: SignedVote[]; leftOut: LeftOut[] }> {
  const byVoter = new Map<Address, SignedVote[]>()
  for (const vote of votes) {
    if (vote.proposal !== ballot.id) continue
    const others = byVoter.get(vote.from)
    if (others) others.push(vote)
    else byVoter.set(vote.from, [vote])
  }
  const found: { last: SignedVote[]; leftOut: LeftOut[] } = { last: [], leftOut: [] }
  for (const own of byVoter.values())
    for (const vote of own.sort((one, other) => (replaces(one, other) ? -1 : 1))) {
      const reason = await faultOf(ballot, vote)
      if (reason) found.leftOut.push({ id: vote.id, voter: vote.from, reason })
      else {
        found.last.push(vote)
        break
      }
    }
  return found
}

/** What is counted of each voter. */
export function lastOfEach(events: readonly CountedVoteEvent[]): Map<Address, CountedVoteEvent> {
  return new Map(events.map((event) => [event.voter, event]))
}

async function faultOf(ballot: Ballot, vote: SignedVote): Promise<SkipReason | undefined> {
  if (!(await isSignedByKey(vote))) return 'bad-signature'
  if (!isInVoting(ballot, vote.timestamp)) return 'out-of-time'
  try {
    readChoice(ballot.kind, ballot.choices.length, vote.choice)
    return undefined
  } catch (error) {
    if (error instanceof CloisterError) return 'bad-choice'
    throw error
  }
}

/** Whether posting a vote would change what is counted of its voter. */
function isNews(
  { kind, choices }: Ballot,
  vote: SignedVote,
  parts: number,
  counted: CountedVoteEvent,
): boolean {
  if (vote.timestamp !== counted.timestamp) return vote.timestamp > counted.timestamp
  const isSame = packChoice(readChoice(kind, choices.length, vote.choice)) === counted.choice
  // Of one second the greater tag counts, which the contract knows.
  return !isSame || (parts & ~counted.parts) !== 0
}
