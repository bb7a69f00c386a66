import type { GuestEndorsements, GuestKind } from '@cloister/attest'
import { type Chain, getBilling, getRoles } from '@cloister/chain'
import { toBase64 } from '@cloister/core'
import { claimsOf, type EvidenceBundle } from '@cloister/verify'
import type { Address, Hex } from 'viem'

/** Evidence about a worker as it came from somebody, and the endorsements to judge it with. */
export interface GivenEvidence {
  worker: Address
  endpoint: string
  kind: GuestKind
  quote: Uint8Array
  eventLog?: string | undefined
  tlsKeyHash: Hex
  freshness: EvidenceBundle['evidence']['freshness']
  /** Waited for while the chain is asked. */
  endorsements: GuestEndorsements | Promise<GuestEndorsements>
}

/**
 * Puts evidence together with what the chain says of the worker now: whose it is, whether it is covered,
 * what guests of its measurement may do. Nothing is judged here: `verifyBundle` does. Throws
 * `bad-evidence` for what is no quote.
 */
export async function composeBundle(chain: Chain, given: GivenEvidence): Promise<EvidenceBundle> {
  const { network, client } = chain
  const { freshness } = given
  const [endorsements, billing, block, measurementRoles, named] = await Promise.all([
    given.endorsements,
    getBilling(chain, given.worker),
    client.getBlock(),
    claimsOf(given.kind, given.quote).then(({ measurement }) => getRoles(chain, measurement)),
    freshness.kind === 'block'
      ? client.getBlock({ blockNumber: BigInt(freshness.number) }).catch(() => undefined)
      : undefined,
  ])
  const now = Math.floor(Date.now() / 1000)
  return {
    format: 'cloister-evidence/1',
    recordedAt: now,
    network: {
      name: network.name,
      chainId: network.chainId,
      workers: network.contracts.workers,
      market: network.contracts.market,
    },
    // The provider as the chain has it: a worker can't choose whose it is.
    worker: { address: given.worker, provider: billing.provider, endpoint: given.endpoint },
    evidence: {
      kind: given.kind,
      quote: toBase64(given.quote),
      ...(given.eventLog !== undefined && { eventLog: given.eventLog }),
      tlsKeyHash: given.tlsKeyHash,
      freshness,
    },
    endorsements,
    chain: {
      // The chain's clock may be ahead of ours on a development network; what counts is how long coverage
      // lasts.
      coveredUntil: Math.max(0, now + Number(billing.until - block.timestamp)),
      measurementRoles,
      ...(named?.hash && { blockHash: named.hash }),
    },
  }
}
