import { CloisterError } from '@cloister/core'
import type { Address, ContractFunctionArgs, Hex } from 'viem'
import type { Chain, Wallet } from '../../client.ts'
import { CLAIMS_ABI } from '../../generated/claims.ts'
import type { Network } from '../../network.ts'
import { send } from '../send.ts'

type Arguments<Name extends 'claim' | 'claimMultisig' | 'release'> = ContractFunctionArgs<
  typeof CLAIMS_ABI,
  'nonpayable',
  Name
>

/** What Claims pays, and until when. */
export interface ClaimsFacts {
  claims: Address
  root: Hex
  /** Unix seconds. */
  windowEnd: number
}

/** Whether a leaf was claimed, and of one that vests, where it goes and how much has gone there. */
export interface LeafState {
  isClaimed: boolean
  /** Undefined for what doesn't vest. */
  to: Address | undefined
  paid: bigint
}

/** A claim that was made: base units of CLOI. */
export interface ClaimMade {
  account: Hex
  to: Address
  amount: bigint
  /** What of it was the account's own then. */
  paid: bigint
  transaction: Hex
}

/** The contract that pays the accounts of an old chain. Throws `not-found` where the network has none. */
export function claimsOf({ contracts, name }: Network): Address {
  if (contracts.claims) return contracts.claims
  throw new CloisterError('not-found', `The network ${name} continues no old chain’s token.`, {
    hint: 'Its description names the contract under contracts.claims; see docs/migration.md.',
  })
}

function claims({ network }: Chain) {
  return { address: claimsOf(network), abi: CLAIMS_ABI } as const
}

/** The root of the leaves that the contract pays, and until when claims are taken. */
export async function getClaimsFacts(chain: Chain): Promise<ClaimsFacts> {
  const [root, windowEnd] = await Promise.all([
    chain.client.readContract({ ...claims(chain), functionName: 'root' }),
    chain.client.readContract({ ...claims(chain), functionName: 'windowEnd' }),
  ])
  return { claims: claims(chain).address, root, windowEnd: Number(windowEnd) }
}

/** What became of the leaf at a place. */
export async function getLeafState(chain: Chain, index: number): Promise<LeafState> {
  const args = [BigInt(index)] as const
  const [isClaimed, [to, paid]] = await Promise.all([
    chain.client.readContract({ ...claims(chain), functionName: 'isClaimed', args }),
    chain.client.readContract({ ...claims(chain), functionName: 'vestingOf', args }),
  ])
  return { isClaimed, to: BigInt(to) === 0n ? undefined : to, paid }
}

/**
 * Claims whose tokens went to an address, the oldest first.
 *
 * @example
 * ```ts
 * import { migration } from '@cloister/sdk'
 *
 * const claims = await migration.received(cloister.chain, account.address)
 * ```
 */
export async function getClaimsTo(chain: Chain, to: Address): Promise<ClaimMade[]> {
  const events = await chain.client.getContractEvents({
    ...claims(chain),
    eventName: 'Claimed',
    args: { to },
    fromBlock: BigInt(chain.network.deployedAt),
    strict: true,
  })
  return events.map(({ args, transactionHash }) => ({
    account: args.account,
    to: args.to,
    amount: args.amount,
    paid: args.paid,
    transaction: transactionHash,
  }))
}

/** Has a leaf's tokens go where its account's key said. Anybody may. */
export async function claimLeaf(wallet: Wallet, ...args: Arguments<'claim'>): Promise<Hex> {
  return (await send(wallet, { ...claims(wallet), functionName: 'claim', args })).transactionHash
}

/** The same for an account that several make. */
export async function claimMultisigLeaf(wallet: Wallet, ...args: Arguments<'claimMultisig'>): Promise<Hex> {
  return (await send(wallet, { ...claims(wallet), functionName: 'claimMultisig', args })).transactionHash
}

/** Pays what of a claimed leaf has vested since. Anybody may. */
export async function releaseLeaf(wallet: Wallet, ...args: Arguments<'release'>): Promise<Hex> {
  return (await send(wallet, { ...claims(wallet), functionName: 'release', args })).transactionHash
}
