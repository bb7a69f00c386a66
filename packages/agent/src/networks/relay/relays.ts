import type { Wallet } from '@cloister/chain'
import { IndexClient, requireTls, workerOfRecord } from '@cloister/client'
import { openRelay } from '@cloister/client/node'
import { CloisterError, type SignedRelay } from '@cloister/core'
import type { Hex, LocalAccount } from 'viem'
import type { WebSocket } from 'ws'
import type { LeaseNetwork } from '../lease-network.ts'
import { checkRelay, signRelay } from './word.ts'

/** Tunnels that are relayed at one time: of a lease, and of all here. */
const MOST_LINES = { lease: 64, worker: 512 }

interface RelaysParts {
  chain: Wallet
  key: LocalAccount
  /** Networks of the leases here. */
  networks: () => Iterable<LeaseNetwork>
  /** Whether tunnels may be relayed at all. */
  allows: boolean
}

/**
 * Relays of tunnels that UDP doesn't reach the other end of: asked of the other end's worker, on the port
 * that its interface is on, and given to others that ask here. No third party has a part in it.
 */
export class Relays {
  private readonly parts: RelaysParts

  constructor(parts: RelaysParts) {
    this.parts = parts
  }

  /**
   * Asks a peer's worker to relay a tunnel from a place of the lease `id` to one of the peer's. Throws what
   * `openRelay` throws, and `forbidden` or `too-many` where none may be relayed from here.
   */
  async ask(id: Hex, network: LeaseNetwork, peer: Hex, from: string, to: string): Promise<WebSocket> {
    const { chain, key } = this.parts
    this.requireRoom(network)
    const standing = network.peers.get(peer)?.standing
    if (!standing) throw new CloisterError('not-found', 'That lease is not on the network any more.')
    const { worker, endpoint } = standing
    requireTls(chain.network, endpoint)
    const { tlsKeyHash } = await new IndexClient(chain.network.indexerUrl).worker(worker)
    const instant = Math.floor(Date.now() / 1000)
    const relay = { lease: id, reader: peer, network: network.network, from, to, instant }
    const client = workerOfRecord(chain.network, { worker, endpoint, tlsKeyHash })
    return openRelay(client, await signRelay(chain, key, relay))
  }

  /**
   * Admits another worker's request for a relay to the lease `id`: what is returned takes the WebSocket.
   * Throws `forbidden`, `stale`, `not-found` and `too-many`.
   */
  async admit(id: Hex, network: LeaseNetwork, asked: SignedRelay): Promise<(socket: WebSocket) => void> {
    this.requireRoom(network)
    const { lease, from, to } = asked
    const peer = network.peers.get(lease)
    if (!peer)
      throw new CloisterError('forbidden', 'That lease is not known to be on the network.', {
        hint: 'Introduce it first: POST /v1/leases/{id}/network/members.',
      })
    const { worker } = peer.standing
    const { tenant, network: name } = network
    await checkRelay(this.parts.chain, asked, { reader: id, network: name, tenant, worker })
    if (!network.places.some((place) => place.name === to))
      throw new CloisterError('not-found', 'The lease has no such place on the network.')
    return (socket) => {
      socket.on('error', () => socket.terminate())
      if (this.isFull(network)) return socket.close(1013)
      network.takeRelay(lease, from, to, socket).catch(() => socket.terminate())
    }
  }

  private requireRoom(network: LeaseNetwork): void {
    if (!this.parts.allows) throw new CloisterError('forbidden', 'This worker relays no tunnels.')
    if (this.isFull(network))
      throw new CloisterError(
        'too-many',
        `At most ${MOST_LINES.lease} tunnels of a lease are relayed, and ${MOST_LINES.worker} of a worker.`,
      )
  }

  private isFull(network: LeaseNetwork): boolean {
    if (network.lines >= MOST_LINES.lease) return true
    let all = 0
    for (const { lines } of this.parts.networks()) all += lines
    return all >= MOST_LINES.worker
  }
}
