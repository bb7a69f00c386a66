import { createHash } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { type Chain, getBilling, getTlsKeyHash, getWorker } from '@cloister/chain'
import type { Address, Hex } from 'viem'

/** What machines of one provider speak (ALPN, RFC 7301): calls, each a stream of `cloister-mux/1`. */
export const NODE_PROTOCOL = 'cloister-node/1'

/** What the chain says of another machine of a provider's. */
export interface Peer {
  /** SHA-256 of the TLS key that it attested last. */
  tlsKeyHash: Hex
  /** Why it is not to be spoken to; undefined where it may be. */
  refusal: string | undefined
}

/**
 * Asks the chain whether a worker is one of `provider`'s, and covered now: its hardware has proved itself,
 * its measurement is one that the network allows, and the TLS key is the one that it proved.
 */
export async function lookUpPeer(chain: Chain, worker: Address, provider: Address): Promise<Peer> {
  const [known, { until }, tlsKeyHash, { timestamp }] = await Promise.all([
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
          : until <= timestamp
            ? `${worker} is not attested now`
            : undefined
  return { tlsKeyHash, refusal }
}

/** SHA-256 of the key that the other side of a TLS connection proved to hold; undefined where it did not. */
export function peerKeyHash(socket: TLSSocket): string | undefined {
  const spki = socket.getPeerX509Certificate()?.publicKey.export({ format: 'der', type: 'spki' })
  return spki && `0x${createHash('sha256').update(spki).digest('hex')}`
}
