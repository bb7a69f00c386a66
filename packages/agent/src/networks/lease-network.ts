import {
  type MemberPlace,
  type NamedMember,
  NETWORK_IPV4,
  type NetworkReport,
  networkAddresses,
  networkHosts,
  networkPrefix,
  type SignedMember,
} from '@cloister/core'
import type { PrivateLinks, PrivateNetworks, WireGuard } from '@cloister/executors'
import type { Address, Hex } from 'viem'
import type { WebSocket } from 'ws'
import type { CourseTimings } from './course.ts'
import type { Standing } from './introduction.ts'
import { ByteRate } from './relay/byte-rate.ts'
import { RelayLine } from './relay/line.ts'
import { tunnelKey } from './tunnel-key.ts'
import { type Reached, Ways } from './ways.ts'

/** Another lease on the network. */
interface Peer {
  member: SignedMember
  standing: Standing
  /** What its worker's name stands for, as it was last looked up. */
  address: string | undefined
}

/** The end of tunnels in a place of the lease. */
interface Link {
  wireGuard: WireGuard
  ways: Ways
}

/** A lease with the addresses and keys of its places. */
interface Reachable extends NamedMember {
  places: (NamedMember['places'][number] & { name: string; key: Hex })[]
}

interface NetworkParts {
  lease: Hex
  tenant: Address
  network: string
  engine: PrivateNetworks
  links: PrivateLinks
  /** The worker's own secret. */
  secret: Uint8Array
  mibPerSecond: number
  /** What relayed tunnels may bring, all of the lease's together. */
  relayedMibPerSecond: number
  /** Has a peer's worker relay a tunnel between two places. */
  relay: (peer: Hex, from: string, to: string) => Promise<WebSocket>
  /** How long is waited before a tunnel is relayed, and before it is tried without. */
  timings?: Partial<CourseTimings>
  /** A UDP port of the worker's for a place, other than those that are taken. Throws where none is left. */
  portFor: (place: string, taken: ReadonlySet<number>) => number
  /** The service of a container. */
  serviceOf: (container: string) => string | undefined
}

/** One lease on its private network: the ends of its tunnels, and whom they lead to. */
export class LeaseNetwork {
  readonly network: string
  readonly tenant: Address
  readonly peers = new Map<Hex, Peer>()
  /** The name that the lease was opened with. */
  name: string | undefined
  /** Why something doesn't work. */
  problem: string | undefined
  /** Peers of an earlier life are left as they are until those of this one are known. */
  hasMet = false
  private readonly parts: NetworkParts
  private readonly open = new Map<string, Link>()
  private readonly taken = new Set<number>()
  private readonly rate: ByteRate
  private own: MemberPlace[] = []

  constructor(parts: NetworkParts) {
    this.parts = parts
    this.rate = new ByteRate(parts.relayedMibPerSecond * 1024 ** 2)
    this.network = parts.network
    this.tenant = parts.tenant
  }

  /** Where the lease is on the network now. */
  get places(): MemberPlace[] {
    return this.own
  }

  /** Tunnels that are relayed now. */
  get lines(): number {
    return [...this.open.values()].reduce((sum, { ways }) => sum + ways.lines, 0)
  }

  /** Opens what containers have come to, and closes what is gone. Whether the places are other ones now. */
  async arrange(): Promise<boolean> {
    const { engine, links, lease, secret, network, tenant } = this.parts
    const places = await engine.places(lease)
    for (const name of this.open.keys())
      if (!places.some((place) => place.name === name)) {
        await links.close(this.idOf(name))
        this.open.get(name)?.ways.close()
        this.open.delete(name)
      }
    const own: MemberPlace[] = []
    for (const place of places) {
      const { privateKey, publicKey } = tunnelKey(secret, lease, network, place.name)
      const port = this.parts.portFor(place.name, this.taken)
      const { ipv6, ipv4 } = networkAddresses(tenant, network, lease, place.name)
      const routes = [networkPrefix(tenant, network), NETWORK_IPV4]
      const limits = { mibPerSecond: this.parts.mibPerSecond }
      const settings = { privateKey, port, ipv6, ipv4, routes, limits }
      const wireGuard = await links.open(this.idOf(place.name), place, settings).catch((error) => {
        // Somebody else may have the port.
        this.taken.add(port)
        throw error
      })
      const before = this.open.get(place.name)
      if (before?.wireGuard !== wireGuard) {
        before?.ways.close()
        this.open.set(place.name, { wireGuard, ways: new Ways(wireGuard, this.parts.timings) })
      }
      const services = place.containers.flatMap((name) => this.parts.serviceOf(name) ?? [])
      own.push({ name: place.name, services: [...new Set(services)].sort(), key: publicKey, port })
    }
    const isOther = JSON.stringify(own) !== JSON.stringify(this.own)
    this.own = own
    return isOther
  }

  /** Leads tunnels to the peers there are, and names them in the containers. */
  async apply(): Promise<void> {
    if (!this.hasMet) return
    const members = this.reachable()
    const direct = this.directWays()
    for (const [from, { ways }] of this.open) {
      const peers = members.flatMap(({ lease, places }) =>
        places
          .filter(({ name }) => !(lease === this.parts.lease && name === from))
          .map(({ name, key, ipv6, ipv4 }): Reached => {
            const tunnel = key.slice(2)
            return {
              key: tunnel,
              addresses: ipv4 === undefined ? [ipv6] : [ipv6, ipv4],
              direct: direct.get(tunnel),
              dial: async () => this.lineOf(from, await this.parts.relay(lease, from, name), true),
              dialsFirst: this.parts.lease < lease,
            }
          }),
      )
      await ways.lead(peers)
    }
    await this.parts.engine.setHosts(this.parts.lease, networkHosts(this.network, members))
  }

  /**
   * Leads a tunnel over a WebSocket that a peer's worker has opened. It is closed where there is no such
   * tunnel.
   */
  async takeRelay(peer: Hex, from: string, to: string, socket: WebSocket): Promise<void> {
    const key = this.peers.get(peer)?.member.places.find(({ name }) => name === from)?.key
    const link = this.open.get(to)
    if (key === undefined || !link) return socket.terminate()
    await link.ways.take(key.slice(2), await this.lineOf(to, socket, false))
  }

  /** Closes everything. */
  async close(): Promise<void> {
    this.leave()
    for (const name of this.open.keys()) await this.parts.links.close(this.idOf(name))
    this.open.clear()
    await this.parts.engine.setHosts(this.parts.lease, []).catch(() => {})
  }

  /** Closes what goes through this process, as before it ends: tunnels outlive it, relays don't. */
  leave(): void {
    for (const { ways } of this.open.values()) ways.close()
  }

  /** For the tenant. */
  async report(): Promise<Omit<NetworkReport, 'member'>> {
    const { tenant, lease } = this.parts
    const states = await Promise.all(
      [...this.open].map(async ([name, link]) => ({ name, link, tunnels: await link.wireGuard.state() })),
    )
    const peers = [...this.peers.values()].map(({ member, standing }) => ({
      lease: member.lease,
      name: member.name,
      worker: standing.worker,
      tunnels: states.flatMap(({ name, link, tunnels }) =>
        member.places.flatMap((place) => {
          const state = tunnels.find(({ key }) => key === place.key.slice(2))
          if (!state) return []
          const { handshakeAt, receivedBytes, sentBytes } = state
          const way = link.ways.wayOf(state, Date.now())
          return [{ from: name, to: place.name, way, handshakeAt, receivedBytes, sentBytes }]
        }),
      ),
    }))
    const places = this.own.map(({ name, services }) => ({
      name,
      services,
      ...networkAddresses(tenant, this.network, lease, name),
    }))
    return { places, peers, ...(this.problem !== undefined && { problem: this.problem.slice(0, 1000) }) }
  }

  /**
   * Ourselves and the peers, with the addresses of each place. Of places that have the same IPv4 address by
   * chance the first lease has it, and the others are reached over IPv6.
   */
  private reachable(): Reachable[] {
    const { tenant, lease } = this.parts
    const self = { lease, name: this.name ?? '', places: this.own }
    const all = [self, ...[...this.peers.values()].map(({ member }) => member)]
    const taken = new Set<string>()
    return all
      .sort((one, other) => (one.lease < other.lease ? -1 : 1))
      .map(({ lease: id, name, places }) => ({
        lease: id,
        name: name === '' ? undefined : name,
        places: places.map((place) => {
          const { ipv6, ipv4 } = networkAddresses(tenant, this.network, id, place.name)
          const isFree = !taken.has(ipv4)
          taken.add(ipv4)
          return { ...place, ipv6, ...(isFree && { ipv4 }) }
        }),
      }))
  }

  /** Where each tunnel's other end is reached, by its key. */
  private directWays(): Map<string, string> {
    const ways = new Map<string, string>()
    for (const { key, port } of this.own) ways.set(key.slice(2), `127.0.0.1:${port}`)
    for (const { member, address } of this.peers.values())
      if (address !== undefined)
        for (const { key, port } of member.places)
          ways.set(key.slice(2), address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`)
    return ways
  }

  private lineOf(place: string, socket: WebSocket, isOurs: boolean): Promise<RelayLine> {
    const port = this.own.find(({ name }) => name === place)?.port
    if (port !== undefined) return RelayLine.open({ socket, port, rate: this.rate, isOurs })
    socket.terminate()
    throw new Error('the container has ended')
  }

  private idOf(place: string): string {
    return linkIdOf(this.parts.lease, place)
  }
}

/** What a link is called among those of the worker. */
function linkIdOf(lease: Hex, place: string): string {
  return `${lease.slice(2)}-${place}`
}

/** The lease of a link. */
export function leaseOfLink(id: string): Hex {
  return `0x${id.slice(0, 64)}`
}
