import { CloisterError } from '@cloister/core'
import type { Address, Hex } from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { chainError } from '../../errors/chain-error.ts'
import { GRANTS_ABI } from '../../generated/abis.ts'
import { send } from '../send.ts'

/** A milestone of a grant. Amounts in base units of the grant's token, times in Unix seconds. */
export interface Milestone {
  /** What of it is the grantee's in the end. */
  amount: bigint
  paid: bigint
  /** What the grantee can take now. */
  withdrawable: bigint
  /** It has to be confirmed by then. */
  due: number
  /** Seconds that it streams from its confirmation on. */
  duration: number
  /** 0 while it isn't confirmed. */
  confirmedAt: number
}

/** Money for work to come, which a ballot gave out of the community pool. */
export interface Grant {
  id: number
  grantee: Address
  token: Address
  /** Hash of what it is for. */
  content: Hex
  isCancelled: boolean
  milestones: Milestone[]
}

/** All grants that there ever were, the oldest first. Throws `not-found` where the network has none. */
export async function getGrants(chain: Chain): Promise<Grant[]> {
  const contract = grantsContract(chain)
  try {
    const count = Number(await chain.client.readContract({ ...contract, functionName: 'count' }))
    return await Promise.all(Array.from({ length: count }, (_, at) => readGrant(chain, at + 1)))
  } catch (error) {
    throw chainError('reading grants', error)
  }
}

async function readGrant(chain: Chain, id: number): Promise<Grant> {
  const contract = grantsContract(chain)
  const args = [BigInt(id)] as const
  const [grantee, token, content, isCancelled, milestones] = await chain.client.readContract({
    ...contract,
    functionName: 'grantOf',
    args,
  })
  const withdrawable = await Promise.all(
    milestones.map((_, index) =>
      chain.client.readContract({
        ...contract,
        functionName: 'withdrawable',
        args: [BigInt(id), BigInt(index)],
      }),
    ),
  )
  return {
    id,
    grantee: grantee as Address,
    token: token as Address,
    content,
    isCancelled,
    milestones: milestones.map((milestone, index) => ({
      ...milestone,
      withdrawable: withdrawable[index] ?? 0n,
    })),
  }
}

/** Pays the grantee what of a milestone has streamed. Anybody may. Throws `reverted`. */
export function withdrawMilestone(wallet: Wallet, id: number, index: number): Promise<Hex> {
  return call(wallet, 'withdraw', id, index)
}

/** Gives the pool a milestone's money back that nobody confirmed in time. Anybody may. Throws `reverted`. */
export function sendBackMilestone(wallet: Wallet, id: number, index: number): Promise<Hex> {
  return call(wallet, 'sendBack', id, index)
}

async function call(
  wallet: Wallet,
  functionName: 'withdraw' | 'sendBack',
  id: number,
  index: number,
): Promise<Hex> {
  const args = [BigInt(id), BigInt(index)] as const
  return (await send(wallet, { ...grantsContract(wallet), functionName, args })).transactionHash
}

/** The contract of grants and its interface. Throws `not-found` where the network has none. */
export function grantsContract({ network: { name, contracts } }: Chain) {
  if (contracts.grants) return { address: contracts.grants, abi: GRANTS_ABI } as const
  throw new CloisterError('not-found', `The network ${name} has no grants.`, {
    hint: 'Its description names their contract under contracts.grants; see docs/governance.md.',
  })
}
