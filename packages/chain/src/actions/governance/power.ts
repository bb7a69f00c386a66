import { type Address, type Hex, zeroAddress } from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { chainError } from '../../errors/chain-error.ts'
import { POWER_ABI } from '../../generated/abis.ts'
import { send } from '../send.ts'
import { getBallotPlaces } from './places.ts'

/** Pools of an account that vote: the first ones that it was in. */
const POOLS_THAT_VOTE = 31

/** What ERC-5805 (votes) says of a token's registered holders. */
const VOTES_ABI = [
  {
    type: 'function',
    name: 'getPastVotes',
    stateMutability: 'view',
    inputs: [
      { name: 'account', type: 'address' },
      { name: 'timepoint', type: 'uint256' },
    ],
    outputs: [{ type: 'uint256' }],
  },
  {
    type: 'function',
    name: 'delegates',
    stateMutability: 'view',
    inputs: [{ name: 'account', type: 'address' }],
    outputs: [{ type: 'address' }],
  },
  {
    type: 'function',
    name: 'delegate',
    stateMutability: 'nonpayable',
    inputs: [{ name: 'delegatee', type: 'address' }],
    outputs: [],
  },
] as const

/** A pool that an account was ever in, and what it had there. Base units of CLOI. */
export interface PoolPower {
  /** In the order in which the account was in them first. */
  index: number
  provider: Address
  worth: bigint
}

/** What an account had at the end of a second. */
export interface PowerFacts {
  /** Liquid CLOI that was registered with it. */
  liquid: bigint
  pools: PoolPower[]
}

/** What an account had at the end of a second that is over. Its own pool counts with all that is in it. */
export async function getPower(chain: Chain, account: Address, time: number): Promise<PowerFacts> {
  const { client } = chain
  const { token, power } = await getBallotPlaces(chain)
  const contract = { address: power, abi: POWER_ABI } as const
  const at = BigInt(time)
  try {
    const [liquid, count] = await Promise.all([
      client.readContract({
        address: token,
        abi: VOTES_ABI,
        functionName: 'getPastVotes',
        args: [account, at],
      }),
      client.readContract({ ...contract, functionName: 'poolCount', args: [account] }),
    ])
    const indices = Array.from({ length: Math.min(Number(count), POOLS_THAT_VOTE) }, (_, index) => index)
    const pools = await Promise.all(
      indices.map(async (index): Promise<PoolPower> => {
        const [provider, worth] = await client.readContract({
          ...contract,
          functionName: 'stakeOf',
          args: [account, BigInt(index), at],
        })
        if (provider !== account) return { index, provider, worth }
        const args = [account, at] as const
        return {
          index,
          provider,
          worth: await client.readContract({ ...contract, functionName: 'poolAssetsAt', args }),
        }
      }),
    )
    return { liquid, pools }
  } catch (error) {
    throw chainError('reading power', error)
  }
}

/** Whom an account's liquid CLOI is registered with; undefined where it is with nobody. */
export async function getRegistration(chain: Chain, account: Address): Promise<Address | undefined> {
  const { token } = await getBallotPlaces(chain)
  const found = await chain.client.readContract({
    address: token,
    abi: VOTES_ABI,
    functionName: 'delegates',
    args: [account],
  })
  return found === zeroAddress ? undefined : found
}

/** Registers the account's liquid CLOI, now and to come, with an account that votes with it: its own. */
export async function registerPower(wallet: Wallet, to: Address = wallet.account.address): Promise<Hex> {
  const { token } = await getBallotPlaces(wallet)
  const call = { address: token, abi: VOTES_ABI, functionName: 'delegate', args: [to] } as const
  return (await send(wallet, call)).transactionHash
}
