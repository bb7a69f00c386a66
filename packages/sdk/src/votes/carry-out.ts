import {
  type Audit,
  auditBallot,
  ChainSource,
  type PostedBatch,
  type PostPlan,
  planPost,
  postDue,
  type SignedVote,
} from '@cloister/ballots'
import { carryOutBallot, getRegistration, payBallotBond, registerPower } from '@cloister/chain'
import type { Address, Hex } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import { type BallotStatus, hubOf } from './find.ts'

/**
 * All votes on a ballot that a hub has, the network's if none is named.
 *
 * @example
 * ```ts
 * import { votes } from '@cloister/sdk'
 *
 * const { ballot } = await votes.find(cloister, '0x5f3a')
 * const handedIn = await votes.gather(cloister, ballot.id, 'https://hub.example.org')
 * ```
 */
export async function gather(cloister: Cloister, ballot: Hex, hub?: string): Promise<SignedVote[]> {
  const all: SignedVote[] = []
  for await (const vote of hubOf(cloister, hub).votes(ballot)) all.push(vote)
  return all
}

/**
 * Which votes are still to be posted, and which the contract would leave out. Asks, and sends nothing.
 *
 * @example
 * ```ts
 * import { votes } from '@cloister/sdk'
 *
 * const status = await votes.find(cloister, '0x5f3a')
 * const { due, leftOut } = await votes.plan(cloister, status, await votes.gather(cloister, status.ballot.id))
 * ```
 */
export function plan(cloister: Cloister, { ballot }: BallotStatus, votes: SignedVote[]): Promise<PostPlan> {
  return planPost(cloister.chain, new ChainSource(cloister.chain), ballot, votes)
}

/**
 * Posts votes in batches of 100. Anybody may; after a break it goes on with those that aren't counted yet.
 *
 * @example
 * ```ts
 * import { votes } from '@cloister/sdk'
 *
 * const status = await votes.find(cloister, '0x5f3a')
 * const { due } = await votes.plan(cloister, status, await votes.gather(cloister, status.ballot.id))
 * for await (const { size, transaction } of votes.post(cloister, status, due)) console.log(size, transaction)
 * ```
 */
export function post(
  cloister: Cloister,
  { ballot }: BallotStatus,
  due: PostPlan['due'],
): AsyncGenerator<PostedBatch> {
  return postDue(walletOf(cloister), ballot, due)
}

/**
 * Works a ballot's tally out anew, of the chain's events and of votes.
 *
 * @example
 * ```ts
 * import { votes } from '@cloister/sdk'
 *
 * const { ballot } = await votes.find(cloister, '0x5f3a')
 * const { isSame } = await votes.audit(cloister, ballot.id, await votes.gather(cloister, ballot.id))
 * ```
 */
export function audit(cloister: Cloister, ballot: Hex, votes: SignedVote[]): Promise<Audit> {
  return auditBallot(cloister.chain, ballot, votes)
}

/**
 * Starts the timelock of a ballot that passed. Anybody may.
 *
 * @example
 * ```ts
 * import { votes } from '@cloister/sdk'
 *
 * await votes.queue(cloister, await votes.find(cloister, '0x5f3a'))
 * ```
 */
export function queue(cloister: Cloister, { ballot, proposed }: BallotStatus): Promise<Hex> {
  return carryOutBallot(walletOf(cloister), 'queue', ballot.id, proposed.proposal.calls)
}

/**
 * Makes a ballot's calls, all or none. Anybody may.
 *
 * @example
 * ```ts
 * import { votes } from '@cloister/sdk'
 *
 * await votes.execute(cloister, await votes.find(cloister, '0x5f3a'))
 * ```
 */
export function execute(cloister: Cloister, { ballot, proposed }: BallotStatus): Promise<Hex> {
  return carryOutBallot(walletOf(cloister), 'execute', ballot.id, proposed.proposal.calls)
}

/**
 * Calls off what a ballot announced that was vetoed or expired. Anybody may.
 *
 * @example
 * ```ts
 * import { votes } from '@cloister/sdk'
 *
 * await votes.callOff(cloister, await votes.find(cloister, '0x5f3a'))
 * ```
 */
export function callOff(cloister: Cloister, { ballot, proposed }: BallotStatus): Promise<Hex> {
  return carryOutBallot(walletOf(cloister), 'callOffAnnounced', ballot.id, proposed.proposal.calls)
}

/**
 * Pays a ballot's bond back, once its voting is over. Anybody may.
 *
 * @example
 * ```ts
 * import { votes } from '@cloister/sdk'
 *
 * await votes.payBond(cloister, await votes.find(cloister, '0x5f3a'))
 * ```
 */
export function payBond(cloister: Cloister, { ballot }: BallotStatus): Promise<Hex> {
  return payBallotBond(walletOf(cloister), ballot.id)
}

/**
 * Registers the account's liquid CLOI, now and to come; another account votes with it, if named.
 *
 * @example
 * ```ts
 * import { votes } from '@cloister/sdk'
 *
 * await votes.register(cloister)
 * ```
 */
export function register(cloister: Cloister, to?: Address): Promise<Hex> {
  return registerPower(walletOf(cloister), to)
}

/**
 * Whom an account's liquid CLOI is registered with.
 *
 * @example
 * ```ts
 * import { votes } from '@cloister/sdk'
 *
 * const votesWithIt = await votes.registration(cloister, account.address)
 * ```
 */
export function registration(cloister: Cloister, account: Address): Promise<Address | undefined> {
  return getRegistration(cloister.chain, account)
}
