import type { Address, ContractFunctionArgs, ContractFunctionReturnType, Hex } from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { chainError } from '../../errors/chain-error.ts'
import { type BALLOTS_ABI, TRACKS_ABI } from '../../generated/abis.ts'
import { send } from '../send.ts'
import { ballotsContract, getBallotPlaces } from './places.ts'
import { type BallotRow, packRows } from './vote-rows.ts'

/** Kinds of ballots by their number in the contract; Snapshot's names. */
export const BALLOT_KINDS = ['basic', 'single-choice', 'approval', 'weighted', 'ranked-choice'] as const

/** States of ballots by their number in the contract. */
export const BALLOT_STATES = [
  'none',
  'voting',
  'posting',
  'passed',
  'queued',
  'executable',
  'executed',
  'decided',
  'rejected',
  'vetoed-once',
  'expired',
] as const
export type BallotState = (typeof BALLOT_STATES)[number]

type Reading<Name extends 'ballotOf' | 'voteOf'> = ContractFunctionReturnType<
  typeof BALLOTS_ABI,
  'view',
  Name
>
/** What the contract knows of a ballot (`IBallots.Ballot`). */
export type BallotFacts = Reading<'ballotOf'>
/** A track's rules (`ITracks.Track`). */
export type TrackRules = ContractFunctionReturnType<typeof TRACKS_ABI, 'view', 'trackOf'>[0]
/** What is counted of a voter (`IBallots.Vote`). */
export type CountedVoteFacts = Reading<'voteOf'>
/** What somebody proposes (`IBallots.Proposal`). */
export type BallotProposal = ContractFunctionArgs<typeof BALLOTS_ABI, 'nonpayable', 'propose'>[0]
/** A call that a ballot has the Safe make. */
export type BallotCall = BallotProposal['calls'][number]

/** A proposal as its event has it. */
export interface ProposedBallot {
  id: Hex
  proposer: Address
  track: number
  proposal: BallotProposal
  /** Unix seconds. */
  snapshot: number
  block: bigint
  transaction: Hex
}

/** Where a ballot stands, all of it from one block. */
export interface BallotStanding {
  facts: BallotFacts
  state: BallotState
  /** Unix seconds. */
  postingEnd: number
  /** Base units of CLOI, by choice; of a ranked ballot by ranking. */
  tally: readonly bigint[]
  /** The choice that leads alone, from 1; 0 where none does. */
  leader: number
  /** The block's time, Unix seconds. */
  now: number
}

/** What is counted of a vote that was posted, or cast by a transaction. */
export interface CountedVoteEvent {
  voter: Address
  choice: bigint
  timestamp: number
  /** The first four bytes of the vote's digest; the greatest number where it was cast by a transaction. */
  tag: number
  parts: number
  weight: bigint
  block: bigint
  logIndex: number
  transaction: Hex
}

/** Ballots that were proposed in some blocks, the oldest first. Throws `not-found`, `chain-unreachable`. */
export async function getProposedBallots(
  chain: Chain,
  fromBlock = BigInt(chain.network.deployedAt),
  toBlock?: bigint,
): Promise<ProposedBallot[]> {
  const events = await chain.client
    .getContractEvents({
      ...ballotsContract(chain),
      eventName: 'BallotProposed',
      fromBlock,
      ...(toBlock !== undefined && { toBlock }),
      strict: true,
    })
    .catch((error) => {
      throw chainError('listing ballots', error)
    })
  return events.map(({ args, blockNumber, transactionHash }) => ({
    id: args.id,
    proposer: args.proposer,
    track: args.track,
    proposal: args.proposal,
    snapshot: Number(args.snapshot),
    block: blockNumber,
    transaction: transactionHash,
  }))
}

/** One ballot's proposal; undefined where there is none of this id. Throws as `getProposedBallots` does. */
export async function getProposedBallot(chain: Chain, id: Hex): Promise<ProposedBallot | undefined> {
  return (await getProposedBallots(chain)).find((one) => one.id === id)
}

/** Where a ballot stands. Throws `not-found` where the network has no ballots, `chain-unreachable`. */
export async function getBallotStanding(chain: Chain, id: Hex): Promise<BallotStanding> {
  const { client } = chain
  const contract = ballotsContract(chain)
  const { number: blockNumber, timestamp } = await client.getBlock()
  const at = { ...contract, args: [id], blockNumber } as const
  const [facts, state, postingEnd, tally, leader] = await Promise.all([
    client.readContract({ ...at, functionName: 'ballotOf' }),
    client.readContract({ ...at, functionName: 'stateOf' }),
    client.readContract({ ...at, functionName: 'postingEndOf' }),
    client.readContract({ ...at, functionName: 'tallyOf' }),
    client.readContract({ ...at, functionName: 'leaderOf' }),
  ]).catch((error) => {
    throw chainError('reading a ballot', error)
  })
  return {
    facts,
    state: BALLOT_STATES[state] ?? 'none',
    postingEnd: Number(postingEnd),
    tally,
    leader: Number(leader),
    now: Number(timestamp),
  }
}

/** A track's rules for ballots from now on. Throws `not-found`, `chain-unreachable`. */
export async function getTrack(chain: Chain, track: number): Promise<TrackRules> {
  const { tracks } = await getBallotPlaces(chain)
  const call = { address: tracks, abi: TRACKS_ABI, functionName: 'trackOf', args: [track] } as const
  const [rules] = await chain.client.readContract(call).catch((error) => {
    throw chainError('reading a track', error)
  })
  return rules
}

/** What is counted of one voter. */
export function getCountedVote(chain: Chain, id: Hex, voter: Address): Promise<CountedVoteFacts> {
  return chain.client.readContract({ ...ballotsContract(chain), functionName: 'voteOf', args: [id, voter] })
}

/**
 * Votes that were counted on a ballot, in the order of the chain; a voter's last one counts. Throws
 * `not-found`, `chain-unreachable`.
 */
export async function getVoteEvents(chain: Chain, id: Hex, fromBlock: bigint): Promise<CountedVoteEvent[]> {
  const events = await chain.client
    .getContractEvents({
      ...ballotsContract(chain),
      eventName: 'VoteCounted',
      args: { id },
      fromBlock,
      strict: true,
    })
    .catch((error) => {
      throw chainError('listing votes', error)
    })
  return events.map(({ args, blockNumber, logIndex, transactionHash }) => ({
    voter: args.voter,
    choice: args.choice,
    timestamp: Number(bitsOf(args.word, 160n, 32n)),
    tag: Number(bitsOf(args.word, 128n, 32n)),
    parts: Number(bitsOf(args.word, 96n, 32n)),
    weight: bitsOf(args.word, 0n, 96n),
    block: blockNumber,
    logIndex,
    transaction: transactionHash,
  }))
}

/** So many bits of a word, from one on. */
function bitsOf(word: bigint, from: bigint, count: bigint): bigint {
  return (word >> from) & ((1n << count) - 1n)
}

/** What an account could propose with at the end of a second that is over. */
export function getProposingPower(chain: Chain, account: Address, time: number): Promise<bigint> {
  return chain.client.readContract({
    ...ballotsContract(chain),
    functionName: 'powerAt',
    args: [account, BigInt(time)],
  })
}

/**
 * Proposes; the bond is taken of the account, which has to have approved it. Returns the ballot's id. Throws
 * `reverted`, `chain-unreachable`.
 */
export async function proposeBallot(
  wallet: Wallet,
  proposal: BallotProposal,
): Promise<{ id: Hex; transaction: Hex }> {
  const nonce = await wallet.client.readContract({
    ...ballotsContract(wallet),
    functionName: 'proposedBy',
    args: [wallet.account.address],
  })
  const [id, { transactionHash }] = [
    await wallet.client.readContract({
      ...ballotsContract(wallet),
      functionName: 'idOf',
      args: [wallet.account.address, nonce, proposal],
    }),
    await send(wallet, { ...ballotsContract(wallet), functionName: 'propose', args: [proposal] }),
  ]
  return { id, transaction: transactionHash }
}

/**
 * Posts votes. Rows that don't count are skipped; which ones, and why, is in the receipt's events. Throws
 * `reverted`, `chain-unreachable`.
 */
export async function postVotes(wallet: Wallet, id: Hex, rows: readonly BallotRow[]) {
  return send(wallet, { ...ballotsContract(wallet), functionName: 'post', args: [id, packRows(rows)] })
}

/** Votes by a transaction, as contract wallets have to. Throws `reverted`, `chain-unreachable`. */
export async function castVote(wallet: Wallet, id: Hex, choice: Hex, parts: number): Promise<Hex> {
  const args = [id, choice, parts] as const
  return (await send(wallet, { ...ballotsContract(wallet), functionName: 'vote', args })).transactionHash
}

/**
 * Starts the timelock of a ballot that passed, makes its calls, or calls off what it announced. Throws
 * `reverted`, `chain-unreachable`.
 */
export async function carryOutBallot(
  wallet: Wallet,
  step: 'queue' | 'execute' | 'callOffAnnounced',
  id: Hex,
  calls: readonly BallotCall[],
): Promise<Hex> {
  const args = [id, calls] as const
  return (await send(wallet, { ...ballotsContract(wallet), functionName: step, args })).transactionHash
}

/** Pays a ballot's bond, once its voting is over. Throws `reverted`, `chain-unreachable`. */
export async function payBallotBond(wallet: Wallet, id: Hex): Promise<Hex> {
  const args = [id] as const
  return (await send(wallet, { ...ballotsContract(wallet), functionName: 'payBond', args })).transactionHash
}
