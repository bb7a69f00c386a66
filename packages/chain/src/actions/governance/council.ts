import { CloisterError } from '@cloister/core'
import { type Address, type Hex, zeroAddress, zeroHash } from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { chainError } from '../../errors/chain-error.ts'
import { COUNCIL_ABI } from '../../generated/abis.ts'
import { send } from '../send.ts'
import { ballotsContract } from './places.ts'

/** The two that are elected: see ICouncil.sol. */
export type CouncilBody = 'council' | 'committee'

/** What a motion is for, in the order of ICouncil's `Act`. */
export const COUNCIL_ACTS = ['veto', 'spam', 'hasten', 'spend'] as const
export type CouncilAct = (typeof COUNCIL_ACTS)[number]

/** What is moved: something about a ballot, or a payment out of the council's allowance. */
export type CouncilMotion =
  | { act: Exclude<CouncilAct, 'spend'>; ballot: Hex }
  | { act: 'spend'; token: Address; to: Address; amount: bigint }

/** A motion that members can still be for. */
export interface OpenMotion {
  id: number
  motion: CouncilMotion
  votes: number
  needed: number
  /** Unix seconds. */
  expiresAt: number
}

/** A council as it is now. */
export interface Council {
  body: CouncilBody
  address: Address
  seats: number
  members: readonly Address[]
  /** Unix seconds; 0 where nobody was ever elected. */
  termEnd: number
  /** Members that each act takes; 0 for what this body doesn't do. */
  needed: Readonly<Record<CouncilAct, number>>
  /** The oldest first. */
  motions: OpenMotion[]
}

/** Motions expire after a week, so that few of the last ones are open. */
const LOOKED_AT = 50n

/** Who is in a council, what it can do and what is moved. Throws `not-found` where the network has none. */
export async function getCouncil(chain: Chain, body: CouncilBody): Promise<Council> {
  const contract = await contractOf(chain, body)
  const read = <name extends 'seats' | 'members' | 'termEnd' | 'motionCount'>(functionName: name) =>
    chain.client.readContract({ ...contract, functionName })
  try {
    const [seats, members, termEnd, count, { timestamp }, ...needed] = await Promise.all([
      read('seats'),
      read('members'),
      read('termEnd'),
      read('motionCount'),
      chain.client.getBlock(),
      ...COUNCIL_ACTS.map((_, act) =>
        chain.client.readContract({ ...contract, functionName: 'neededFor', args: [act] }),
      ),
    ])
    const ids: bigint[] = []
    for (let id = count; id > 0n && count - id < LOOKED_AT; id--) ids.unshift(id)
    const motions = await Promise.all(ids.map((id) => motionOf(chain, contract.address, id)))
    const perAct = COUNCIL_ACTS.map((act, index) => [act, Number(needed[index])])
    return {
      body,
      address: contract.address,
      seats: Number(seats),
      members: members as readonly Address[],
      termEnd: Number(termEnd),
      needed: Object.fromEntries(perAct) as Record<CouncilAct, number>,
      // A motion of those who had the seats before has no votes left.
      motions: motions.filter(
        (motion) => !motion.isCarried && motion.votes > 0 && motion.expiresAt > Number(timestamp),
      ),
    }
  } catch (error) {
    throw chainError(`reading the ${body}`, error)
  }
}

async function motionOf(chain: Chain, address: Address, id: bigint) {
  const contract = { address, abi: COUNCIL_ABI } as const
  const { motion, expiresAt, isCarried, votes, needed } = await chain.client.readContract({
    ...contract,
    functionName: 'motionOf',
    args: [id],
  })
  const act = COUNCIL_ACTS[motion.act] ?? 'veto'
  const { ballot, token, to, amount } = motion
  return {
    id: Number(id),
    motion: act === 'spend' ? { act, token: token as Address, to: to as Address, amount } : { act, ballot },
    votes: Number(votes),
    needed: Number(needed),
    expiresAt,
    isCarried,
  }
}

/** Moves something, for it at once. By a member. Throws `reverted`. */
export async function moveMotion(wallet: Wallet, body: CouncilBody, motion: CouncilMotion): Promise<Hex> {
  const contract = await contractOf(wallet, body)
  const nothing = { ballot: zeroHash, token: zeroAddress, to: zeroAddress, amount: 0n }
  const args = [{ ...nothing, ...motion, act: COUNCIL_ACTS.indexOf(motion.act) }] as const
  return (await send(wallet, { ...contract, functionName: 'move', args })).transactionHash
}

/** Is for a motion, which is done at once where that is enough. By a member. Throws `reverted`. */
export async function secondMotion(wallet: Wallet, body: CouncilBody, id: number): Promise<Hex> {
  const contract = await contractOf(wallet, body)
  return (await send(wallet, { ...contract, functionName: 'second', args: [BigInt(id)] })).transactionHash
}

/** Seats those whom an election chose. Anybody may. `candidates`: as proposed. Throws `reverted`. */
export async function seatElected(
  wallet: Wallet,
  body: CouncilBody,
  ballot: Hex,
  candidates: readonly Address[],
): Promise<Hex> {
  const contract = await contractOf(wallet, body)
  const call = { ...contract, functionName: 'seat', args: [ballot, [...candidates]] } as const
  return (await send(wallet, call)).transactionHash
}

async function contractOf(chain: Chain, body: CouncilBody) {
  const contract = { ...ballotsContract(chain), functionName: body } as const
  let address: Address
  try {
    address = (await chain.client.readContract(contract)) as Address
  } catch (error) {
    throw chainError(`reading the ${body}`, error)
  }
  if (address !== zeroAddress) return { address, abi: COUNCIL_ABI } as const
  throw new CloisterError('not-found', `The network ${chain.network.name} has no ${body}.`, {
    hint: 'A ballot of contracts and roles can name one.',
  })
}
