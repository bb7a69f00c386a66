import type { Chain } from '@cloister/chain'
import { CloisterError, type Relay, relayTypedData, type SignedRelay } from '@cloister/core'
import { type Address, type Hex, type LocalAccount, recoverTypedDataAddress } from 'viem'
import { standingOf } from '../introduction.ts'

/** Seconds that a request may be old, or from the future. */
const FRESH_SECONDS = 120

/** What a worker's key signs to have a tunnel of a lease of its own relayed. */
export async function signRelay({ network }: Chain, key: LocalAccount, relay: Relay): Promise<SignedRelay> {
  const { chainId, contracts } = network
  const signature = await key.signTypedData(relayTypedData(relay, chainId, contracts.market))
  return { ...relay, signature }
}

/**
 * Checks a request for a relay: it is for the lease `reader`, of now, about `network`, and signed by
 * `worker`, which the chain says has the lease still, open and covered. Throws `forbidden` or `stale`.
 */
export async function checkRelay(
  chain: Chain,
  { signature, ...relay }: SignedRelay,
  expected: { reader: Hex; network: string; tenant: Address; worker: Address },
): Promise<void> {
  const { reader, network, tenant, worker } = expected
  const forbidden = new CloisterError(
    'forbidden',
    'Tunnels are relayed only for covered workers of leases that are on the network.',
  )
  if (relay.reader !== reader || relay.network !== network) throw forbidden
  if (Math.abs(Date.now() / 1000 - relay.instant) > FRESH_SECONDS)
    throw new CloisterError('stale', 'That request is too old, or from the future.', {
      hint: 'Check the clocks of both workers.',
    })
  const { chainId, contracts } = chain.network
  const typed = relayTypedData(relay, chainId, contracts.market)
  const signer = await recoverTypedDataAddress({ ...typed, signature }).catch(() => undefined)
  // The chain is asked only for a worker that was known before.
  if (signer !== worker) throw forbidden
  const standing = await standingOf(chain, relay.lease, tenant)
  if (standing?.worker !== worker) throw forbidden
}
