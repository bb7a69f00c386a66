import { type Chain, getBilling, getLease, getWorker } from '@cloister/chain'
import { CloisterError, type Member, memberTypedData, type SignedMember } from '@cloister/core'
import { type Address, type Hex, type LocalAccount, recoverTypedDataAddress } from 'viem'

/** Seconds that a member's word may be old, or from the future. */
const FRESH_SECONDS = 120

/** Where a lease of a tenant's is, by the chain. */
export interface Standing {
  worker: Address
  /** The worker's interface. */
  endpoint: string
  manifestHash: Hex
}

/** What a worker's key signs of a lease of its own. */
export async function signMember(chain: Chain, key: LocalAccount, member: Member): Promise<SignedMember> {
  const { chainId, contracts } = chain.network
  const signature = await key.signTypedData(memberTypedData(member, chainId, contracts.market))
  return { ...member, signature }
}

/**
 * Where a lease is that may be on a network with others of `tenant`: it is open, the tenant's, and on a
 * worker that is covered now. Undefined where that isn't so. All of it is the chain's word.
 */
export async function standingOf(chain: Chain, lease: Hex, tenant: Address): Promise<Standing | undefined> {
  const { state, worker, tenant: owner, manifestHash } = await getLease(chain, lease)
  if (state !== 'open' || owner !== tenant) return undefined
  const [registered, { until }, head] = await Promise.all([
    getWorker(chain, worker),
    getBilling(chain, worker),
    chain.client.getBlock(),
  ])
  if (!registered || until <= head.timestamp) return undefined
  return { worker, endpoint: registered.description.endpoint, manifestHash }
}

/**
 * Checks a member's word: it is for the lease `reader`, of now, about `network`, and signed by the worker
 * that the chain says the lease is on, which is covered. Throws `forbidden` for what is somebody else's, and
 * `stale` for an old one.
 */
export async function checkMember(
  chain: Chain,
  { signature, ...member }: SignedMember,
  expected: { reader: Hex; network: string; tenant: Address },
): Promise<Standing> {
  const { reader, network, tenant } = expected
  if (member.reader !== reader || member.network !== network || member.lease === reader)
    throw new CloisterError('forbidden', 'That is a word about another network, or to another lease.')
  if (Math.abs(Date.now() / 1000 - member.instant) > FRESH_SECONDS)
    throw new CloisterError('stale', 'That word is too old, or from the future.', {
      hint: 'Check the clocks of both workers.',
    })
  const { chainId, contracts } = chain.network
  const typed = memberTypedData(member, chainId, contracts.market)
  const signer = await recoverTypedDataAddress({ ...typed, signature }).catch(() => undefined)
  const standing = signer && (await standingOf(chain, member.lease, tenant))
  if (standing?.worker !== signer || !standing)
    throw new CloisterError(
      'forbidden',
      'Only covered workers of open leases of the same tenant are told who is on its network.',
    )
  return standing
}
