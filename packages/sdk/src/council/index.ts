/** Council and technical committee: who has a seat, what they move, and seating whom an election chose. */
import {
  type Council,
  type CouncilBody,
  type CouncilMotion,
  getCouncil,
  moveMotion,
  type OpenMotion,
  seatElected,
  secondMotion,
} from '@cloister/chain'
import type { Hex } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import type { BallotStatus } from '../votes/find.ts'

/**
 * Who has a seat, until when, and what is moved.
 *
 * @example
 * ```ts
 * import { council } from '@cloister/sdk'
 *
 * const { members, motions } = await council.show(cloister, 'committee')
 * ```
 */
export function show({ chain }: Cloister, body: CouncilBody): Promise<Council> {
  return getCouncil(chain, body)
}

/**
 * As a member, is for something: seconds the motion that there is, or moves it. Done at once where enough
 * members are for it. Throws `no-wallet`, `reverted`.
 *
 * @example
 * ```ts
 * import { council, votes } from '@cloister/sdk'
 *
 * const { ballot } = await votes.find(cloister, '0x5f3a')
 * await council.support(cloister, 'council', { act: 'veto', ballot: ballot.id })
 * ```
 */
export async function support(cloister: Cloister, body: CouncilBody, motion: CouncilMotion): Promise<Hex> {
  const wallet = walletOf(cloister)
  const { motions } = await getCouncil(cloister.chain, body)
  const known = findMotion(motions, motion)
  return known ? secondMotion(wallet, body, known.id) : moveMotion(wallet, body, motion)
}

/**
 * The open motion that is for the same thing as `motion`; undefined where there is none.
 *
 * @example
 * ```ts
 * import { council } from '@cloister/sdk'
 *
 * const { motions } = await council.show(cloister, 'council')
 * const open = council.findMotion(motions, { act: 'veto', ballot: hash })
 * ```
 */
export function findMotion(motions: readonly OpenMotion[], motion: CouncilMotion): OpenMotion | undefined {
  return motions.find((open) => isSame(open.motion, motion))
}

/**
 * As a member, is for a motion of a number. Throws `no-wallet`, `reverted`.
 *
 * @example
 * ```ts
 * import { council } from '@cloister/sdk'
 *
 * await council.second(cloister, 'council', 3)
 * ```
 */
export function second(cloister: Cloister, body: CouncilBody, motion: number): Promise<Hex> {
  return secondMotion(walletOf(cloister), body, motion)
}

/**
 * Seats those whom an election chose. Anybody may. Throws `no-wallet`, `reverted`.
 *
 * @example
 * ```ts
 * import { council, votes } from '@cloister/sdk'
 *
 * await council.seat(cloister, 'council', await votes.find(cloister, '0x5f3a'))
 * ```
 */
export function seat(cloister: Cloister, body: CouncilBody, election: BallotStatus): Promise<Hex> {
  const { ballot, proposed } = election
  return seatElected(walletOf(cloister), body, ballot.id, proposed.proposal.candidates)
}

function isSame(one: CouncilMotion, other: CouncilMotion): boolean {
  if (one.act !== 'spend') return other.act === one.act && other.ballot === one.ballot
  return (
    other.act === 'spend' &&
    one.amount === other.amount &&
    one.to.toLowerCase() === other.to.toLowerCase() &&
    one.token.toLowerCase() === other.token.toLowerCase()
  )
}
