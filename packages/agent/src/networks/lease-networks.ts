import { lookup } from 'node:dns/promises'
import { join } from 'node:path'
import { type Chain, nameOfLease } from '@cloister/chain'
import { everyPage, IndexClient, workerOfRecord } from '@cloister/client'
import {
  CloisterError,
  isInternalAddress,
  type LeaseRecord,
  MOST_MEMBERS,
  messageOf,
  type NetworkReport,
  type SignedMember,
  type SignedRelay,
  shortId,
} from '@cloister/core'
import { PrivateLinks } from '@cloister/executors'
import { type Hex, zeroHash } from 'viem'
import type { WebSocket } from 'ws'
import type { LeaseSupervisor } from '../leases/supervisor.ts'
import type { Machine } from '../machine.ts'
import { loadSealingSecret } from '../sealing-secret.ts'
import { checkMember, type Standing, signMember, standingOf } from './introduction.ts'
import { LeaseNetwork, leaseOfLink } from './lease-network.ts'
import { Relays } from './relay/relays.ts'

/** Milliseconds between two rounds of asking who is there; who comes asks at once. */
const MEET_MS = 20_000
const ANSWER_MS = 10_000
/** Why a lease is on no network, by the chain. */
const GONE = 'it is closed, or its worker is not covered'
/** Leases of a tenant that are asked at one time. */
const AT_ONCE = 8

interface NetworksParts {
  machine: Machine
  supervisor: LeaseSupervisor
}

/** What is remembered of a lease beside its network. */
interface Joined {
  network: LeaseNetwork
  /** When who is there is asked next, Unix milliseconds. */
  meetAt: number
  meeting?: Promise<void> | undefined
  /** Leases that said they aren't on it, each with the manifest that it had then. */
  strangers: Map<Hex, Hex>
}

/**
 * Private networks of the leases here. Who belongs to one: open leases of the same tenant, on covered
 * workers, whose manifests name it. The index says which leases a tenant has; everything about each is
 * checked on the chain, and its worker is asked and told, with signatures of the workers' keys.
 */
export class LeaseNetworks {
  private readonly parts: NetworksParts
  private readonly links: PrivateLinks
  private readonly chain: Chain
  private readonly secret: Uint8Array
  private readonly joined = new Map<Hex, Joined>()
  private readonly relays: Relays

  constructor(parts: NetworksParts) {
    this.parts = parts
    const { config, wallet, key } = parts.machine
    this.relays = new Relays({
      chain: wallet,
      key,
      networks: () => [...this.joined.values()].map(({ network }) => network),
      allows: config.relay.allow,
    })
    this.links = new PrivateLinks(join(config.folder, 'tunnels'))
    this.secret = loadSealingSecret(config.folder)
    this.chain = wallet
  }

  /** Leases that should be on a network, or are. */
  get leases(): Hex[] {
    const { supervisor } = this.parts
    const wanted = supervisor.openLeases().filter(({ id }) => this.networkOf(id) !== undefined)
    return [...new Set([...wanted.map(({ id }) => id), ...this.joined.keys()])]
  }

  /** Brings one lease's network in line with what runs. */
  async look(id: Hex): Promise<void> {
    const joined = await this.join(id)
    if (!joined) return
    const { network } = joined
    try {
      if (await network.arrange()) joined.meetAt = 0
      const now = Date.now()
      if (network.places.length > 0 && now >= joined.meetAt && !joined.meeting) {
        joined.meetAt = now + MEET_MS
        joined.meeting = this.meet(id, joined).finally(() => {
          joined.meeting = undefined
        })
      }
      await network.apply()
      this.say(id, network, undefined)
    } catch (error) {
      this.say(id, network, messageOf(error))
    }
  }

  /** Closes tunnels that no lease has any more, as after a crash. */
  async sweep(): Promise<void> {
    for (const link of await this.links.all())
      if (!this.joined.has(leaseOfLink(link))) await this.links.close(link)
  }

  /**
   * Hears from another worker that a lease of its is on the network of one here, and says the same of that
   * one. Throws `not-found` where the lease here is on no such network, and what `checkMember` throws.
   */
  async hear(id: Hex, member: SignedMember): Promise<SignedMember> {
    const joined = this.joined.get(id)
    if (!joined || member.network !== joined.network.network) throw notThere(id)
    const { tenant, network } = joined.network
    const standing = await checkMember(this.chain, member, { reader: id, network, tenant })
    await this.know(id, joined, member, standing)
    return this.memberFor(id, joined.network, member.lease)
  }

  /**
   * Admits another worker's request that a tunnel to the lease here is relayed: what is returned takes the
   * WebSocket. Throws `not-found` where the lease is on no such network, and what `Relays.admit` throws.
   */
  async admitRelay(id: Hex, asked: SignedRelay): Promise<(socket: WebSocket) => void> {
    const network = this.joined.get(id)?.network
    if (!network) throw notThere(id)
    return this.relays.admit(id, network, asked)
  }

  /** Ends what goes through this process; tunnels that go by UDP stay. */
  leave(): void {
    for (const { network } of this.joined.values()) network.leave()
  }

  /** What a tenant is shown of a lease. Throws `not-found` where it is on no network. */
  async report(id: Hex): Promise<NetworkReport> {
    const network = this.joined.get(id)?.network
    if (!network) throw notThere(id)
    const [member, report] = await Promise.all([this.memberFor(id, network, zeroHash), network.report()])
    return { member, ...report }
  }

  private networkOf(id: Hex): string | undefined {
    const { running, next } = this.parts.machine.store.lease(id) ?? {}
    return (running ?? next)?.manifest.network
  }

  private async join(id: Hex): Promise<Joined | undefined> {
    const { machine, supervisor } = this.parts
    const { store, config, executor } = machine
    const lease = store.lease(id)
    const wanted = lease?.state === 'open' ? this.networkOf(id) : undefined
    const known = this.joined.get(id)
    if (known && known.network.network === wanted) return known
    if (known) {
      this.joined.delete(id)
      await known.network.close()
    }
    const engine = executor.privateNetworks
    if (wanted === undefined || !lease || !engine) return undefined
    const network: LeaseNetwork = new LeaseNetwork({
      lease: id,
      tenant: lease.tenant,
      network: wanted,
      engine,
      links: this.links,
      secret: this.secret,
      mibPerSecond: config.internet.mibPerSecond,
      relayedMibPerSecond: config.relay.mibPerSecond,
      relay: (peer, from, to) => this.relays.ask(id, network, peer, from, to),
      portFor: (place, taken) => {
        // No service has a name with a slash.
        const lent = store.portFor(id, `${place}/tunnel`, 0, config.tcpPorts, taken)
        if (lent) return lent.workerPort
        throw new CloisterError('no-ports', 'This worker has no port left for the private network.')
      },
      serviceOf: (container) =>
        supervisor
          .runner(id)
          ?.report()
          .find(({ name }) => name === container)?.service,
    })
    const joined: Joined = { network, meetAt: 0, strangers: new Map() }
    this.joined.set(id, joined)
    return joined
  }

  /** Asks all other leases of the tenant whether they are on it, and forgets who may not be any more. */
  private async meet(id: Hex, joined: Joined): Promise<void> {
    const { chain } = this
    const { machine } = this.parts
    const { network } = joined
    try {
      const index = new IndexClient(chain.network.indexerUrl)
      network.name ??= await nameOfLease(chain, id, (await index.lease(id)).transaction)
      const found = await everyPage((from) =>
        index.leases({ tenant: network.tenant, open: true, limit: 200, ...from }),
      )
      const others = found.filter(({ lease }) => lease !== id && !network.peers.has(lease))
      const known = found.filter(({ lease }) => network.peers.has(lease))
      // Whom the index leaves out may still be there: the chain says who isn't.
      const left = [...network.peers.keys()].filter((lease) => !known.some((one) => one.lease === lease))
      for (const lease of left) await this.review(id, joined, lease)
      const asked = [...known, ...others].slice(0, 8 * MOST_MEMBERS)
      for (let from = 0; from < asked.length; from += AT_ONCE)
        await Promise.all(asked.slice(from, from + AT_ONCE).map((record) => this.ask(id, joined, record)))
      network.hasMet = true
    } catch (error) {
      // Who was there before is there still, for all that is known.
      machine.log('warn', 'a private network could not be looked after', {
        lease: shortId(id),
        error: messageOf(error),
      })
      joined.meetAt = Math.min(joined.meetAt, Date.now() + 5_000)
    }
  }

  /** Asks one lease's worker, and tells it of ours. */
  private async ask(id: Hex, joined: Joined, record: LeaseRecord): Promise<void> {
    const { chain } = this
    const { network, strangers } = joined
    const other = record.lease
    try {
      if (strangers.get(other) === record.manifestHash) return
      const standing = await standingOf(chain, other, network.tenant)
      if (!standing) return this.forget(id, joined, other, GONE)
      const own = await this.memberFor(id, network, other)
      const worker = workerOfRecord(chain.network, {
        worker: standing.worker,
        endpoint: standing.endpoint,
        tlsKeyHash: record.tlsKeyHash,
      })
      const member = await worker.meet(other, own, AbortSignal.timeout(ANSWER_MS))
      if (member.lease !== other) throw new CloisterError('bad-answer', 'It told of another lease.')
      const { tenant, network: name } = network
      await this.know(
        id,
        joined,
        member,
        await checkMember(chain, member, { reader: id, network: name, tenant }),
      )
    } catch (error) {
      if (!(error instanceof CloisterError) || error.code !== 'not-found') return
      // Its manifest may be on its way to it: it is asked again while it is new.
      const isNew = Date.now() / 1000 - record.openedAt < 600
      if (!isNew) strangers.set(other, record.manifestHash)
      await this.forget(id, joined, other, 'it is not on it any more')
    }
  }

  private async review(id: Hex, joined: Joined, other: Hex): Promise<void> {
    const standing = await standingOf(this.chain, other, joined.network.tenant)
    if (!standing) await this.forget(id, joined, other, GONE)
  }

  private async know(id: Hex, joined: Joined, member: SignedMember, standing: Standing): Promise<void> {
    const { peers } = joined.network
    const before = peers.get(member.lease)
    if (!before && peers.size >= MOST_MEMBERS - 1)
      throw new CloisterError('too-many', `A private network has at most ${MOST_MEMBERS} leases.`)
    // Words may overtake each other.
    if (before && before.member.instant > member.instant) return
    const address = await this.addressOf(standing.endpoint).catch(() => before?.address)
    peers.set(member.lease, { member, standing, address })
    if (!before)
      this.parts.supervisor.event(
        id,
        'network',
        `${nameOf(member)} is on the private network ${member.network} too.`,
      )
  }

  private async forget(id: Hex, { network }: Joined, other: Hex, why: string): Promise<void> {
    const peer = network.peers.get(other)
    if (!peer) return
    network.peers.delete(other)
    const text = `${nameOf(peer.member)} has left the private network ${network.network}: ${why}.`
    this.parts.supervisor.event(id, 'network', text)
  }

  private memberFor(
    id: Hex,
    { network, name = '', places }: LeaseNetwork,
    reader: Hex,
  ): Promise<SignedMember> {
    const { chain } = this
    const { key } = this.parts.machine
    const instant = Math.floor(Date.now() / 1000)
    return signMember(chain, key, { lease: id, reader, network, name, places, instant })
  }

  /** What a worker's name stands for. Its provider chose it: it must not lead into networks of others. */
  private async addressOf(endpoint: string): Promise<string | undefined> {
    const host = new URL(endpoint).hostname.replace(/^\[|\]$/g, '')
    const isDevelopment = this.chain.network.development
    const found = await lookup(host, { all: true })
    return found.find(({ address }) => isDevelopment || !isInternalAddress(address))?.address
  }

  private say(id: Hex, network: LeaseNetwork, problem: string | undefined): void {
    if (problem !== undefined && problem !== network.problem)
      this.parts.machine.log('warn', 'a private network has trouble', { lease: shortId(id), error: problem })
    network.problem = problem
  }
}

function nameOf({ name, lease }: SignedMember): string {
  return name === '' ? shortId(lease) : `${name} (${shortId(lease)})`
}

function notThere(id: Hex): CloisterError {
  return new CloisterError('not-found', `The lease ${shortId(id)} is not on that private network here.`)
}
