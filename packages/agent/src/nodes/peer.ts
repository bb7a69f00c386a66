import { createHash } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { type Chain, getBilling, getTlsKeyHash, getWorker } from '@cloister/chain'
import { messageOf } from '@cloister/core'
import type { Address, Hex } from 'viem'
import { until } from '../patience.ts'

/** What machines of one provider speak (ALPN, RFC 7301): calls, each a stream of `cloister-mux/1`. */
export const NODE_PROTOCOL = 'cloister-node/1'

/** What the chain says of another machine of a provider's. */
export interface Peer {
  /** SHA-256 of the TLS key that it attested last. */
  tlsKeyHash: Hex
  /** Why it is not to be spoken to; undefined where it may be. */
  refusal: string | undefined
  /** For how long its attestation holds, from when the chain was asked. */
  coveredMs: number
}

/** While the chain says nothing of a peer, what it said before holds for so long. */
export const PATIENCE_MS = 60_000
/** How long an answer of the chain's is waited for. */
const ANSWER_MS = 5_000

/**
 * Asks the chain for a peer by `ask`. While it doesn't answer, what it said last holds for a minute, or for
 * as long as the peer was covered then, if that is less; after that the peer is refused. Rejects where it has
 * never said anything. `now` in milliseconds.
 */
export function rememberedPeer(
  ask: () => Promise<Peer>,
  now: () => number = () => performance.now(),
): () => Promise<Peer> {
  let known: { peer: Peer; at: number } | undefined
  return async () => {
    try {
      const peer = await until(ask(), AbortSignal.timeout(ANSWER_MS))
      known = { peer, at: now() }
      return peer
    } catch (error) {
      if (!known) throw error
      const { peer, at } = known
      const age = now() - at
      if (peer.refusal !== undefined || age <= Math.min(PATIENCE_MS, peer.coveredMs)) return peer
      return { ...peer, refusal: `the chain does not say whether it is attested (${messageOf(error)})` }
    }
  }
}

/**
 * Asks the chain whether a worker is one of `provider`'s, and covered now: its hardware has proved itself,
 * its measurement is one that the network allows, and the TLS key is the one that it proved.
 */
export async function lookUpPeer(chain: Chain, worker: Address, provider: Address): Promise<Peer> {
  const [known, billing, tlsKeyHash, { timestamp }] = await Promise.all([
    getWorker(chain, worker),
    getBilling(chain, worker),
    getTlsKeyHash(chain, worker),
    chain.client.getBlock(),
  ])
  const refusal =
    known === undefined
      ? `${worker} is no worker`
      : known.provider !== provider
        ? `${worker} is a worker of another provider`
        : known.retired
          ? `${worker} is retired`
          : billing.until <= timestamp
            ? `${worker} is not attested now`
            : undefined
  const coveredMs = Math.max(0, Number(billing.until - timestamp)) * 1000
  return { tlsKeyHash, refusal, coveredMs }
}

/** SHA-256 of the key that the other side of a TLS connection proved to hold; undefined where it did not. */
export function peerKeyHash(socket: TLSSocket): string | undefined {
  const spki = socket.getPeerX509Certificate()?.publicKey.export({ format: 'der', type: 'spki' })
  return spki && `0x${createHash('sha256').update(spki).digest('hex')}`
}
