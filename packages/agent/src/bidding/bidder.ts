import { randomBytes } from 'node:crypto'
import { type Network, signBid } from '@cloister/chain'
import {
  type Bid,
  CLUSTER_ATTRIBUTE,
  fits,
  formatCpu,
  formatMiB,
  gpuMismatch,
  hashOrder,
  type Order,
  roomOf,
  type SignedBid,
} from '@cloister/core'
import { type Executor, LEASE_OVERHEAD_MIB } from '@cloister/executors'
import { bytesToBigInt, type LocalAccount } from 'viem'
import type { Attestor } from '../attestation.ts'
import type { AgentConfig } from '../config.ts'
import type { OpenLease, Store } from '../store.ts'
import { capacityOf, freeRoom, takenBy } from './capacity.ts'
import { offerFor } from './offers.ts'
import { noBid, priceOrder } from './price.ts'

/**
 * Answers orders with bids this worker is held to. A bid reserves nothing, since the Market lets nobody take
 * more than there is room for, and isn't remembered: what its lease takes is on chain. So asking for bids
 * shuts nobody out.
 */
export class Bidder {
  private readonly config: AgentConfig
  private readonly network: Network
  private readonly store: Store
  private readonly key: LocalAccount
  private readonly separateNetworks: boolean
  private readonly privateNetworks: boolean
  private readonly attestor: Pick<Attestor, 'alarm'>
  private readonly hasRoomFor: Executor['hasRoomFor']
  /** Orders that were bid on, and those that weren't, since this worker started. */
  readonly counts = { signed: 0, declined: 0 }

  constructor(parts: {
    config: AgentConfig
    network: Network
    store: Store
    key: LocalAccount
    separateNetworks: boolean
    privateNetworks: boolean
    attestor: Pick<Attestor, 'alarm'>
    /** Where the worker has several machines. */
    hasRoomFor?: Executor['hasRoomFor']
  }) {
    this.config = parts.config
    this.network = parts.network
    this.store = parts.store
    this.key = parts.key
    this.separateNetworks = parts.separateNetworks
    this.privateNetworks = parts.privateNetworks
    this.attestor = parts.attestor
    this.hasRoomFor = parts.hasRoomFor
  }

  /** Signs a bid for an order. Throws `no-bid` with the reason where this worker can't or won't serve it. */
  async bid(order: Order): Promise<SignedBid> {
    try {
      const signed = await this.sign(order)
      this.counts.signed++
      return signed
    } catch (error) {
      this.counts.declined++
      throw error
    }
  }

  private async sign(order: Order): Promise<SignedBid> {
    this.check(order, this.store.openLeases())
    await this.checkMachines(order)
    const token = this.network.tokens.find((known) => known.address === order.token)
    if (!token) throw noBid(`It does not know the token ${order.token}.`)
    const room = freeRoom(capacityOf(this.config), this.store.openLeases())
    const offer = offerFor(order, this.config, room, takenBy(order.resources))
    const { ratePerSecond, minimumDeposit } = await priceOrder(order, token, this.config, offer.percent)
    if (order.maxRatePerSecond !== undefined && ratePerSecond > BigInt(order.maxRatePerSecond))
      throw noBid('Its price is above the ceiling of the order.')
    const now = Math.floor(Date.now() / 1000)
    const bid: Bid = {
      tenant: order.tenant,
      worker: this.key.address,
      token: order.token,
      ratePerSecond,
      minimumDeposit,
      expiry: now + this.config.bidSeconds,
      room: roomOf(takenBy(order.resources), capacityOf(this.config)),
      noticeMinutes: offer.noticeMinutes,
      manifestHash: order.manifestHash,
      order: hashOrder(order),
      salt: bytesToBigInt(randomBytes(32)),
    }
    return signBid(this.network, this.key, bid)
  }

  /** Throws `no-bid` where no machine of several has room for the order's largest container. */
  async checkMachines({ largest, resources }: Order): Promise<void> {
    const { cpuMilli, memoryMiB } = largest ?? resources
    if ((await this.hasRoomFor?.({ cpuMilli, memoryMiB })) !== false) return
    throw noBid(
      `No machine of its has ${formatCpu(cpuMilli)} and ${formatMiB(memoryMiB)} free, which one container of the order needs.`,
    )
  }

  /**
   * Throws `no-bid` with the reason where this worker can't or won't serve an order beside `leases`, its own
   * but for one that the order is to change.
   */
  check(order: Order, leases: readonly OpenLease[]): void {
    if (this.attestor.alarm !== undefined) throw noBid(this.attestor.alarm)
    const { attributes, capacity, executor } = this.config
    const { name: cluster, value: kubernetes } = CLUSTER_ATTRIBUTE
    if (executor.engine === 'kubernetes' && order.attributes[cluster] !== kubernetes)
      throw noBid(
        `It runs containers in a Kubernetes cluster, whose administrators can read what programs are told: an order has to ask for ${cluster}=${kubernetes}.`,
      )
    for (const [name, value] of Object.entries(order.attributes))
      if (attributes[name] !== value)
        throw noBid(`The order asks for ${name}=${value}; here it is ${attributes[name] ?? 'not set'}.`)
    if (order.separateNetworks && !this.separateNetworks)
      throw noBid(
        'Two containers of the order listen on the same port, and the sandbox gives a lease one network: have one of them listen on another.',
      )
    if (order.privateNetwork && !this.privateNetworks)
      throw noBid('It has no private networks: those take root, wireguard-go and nftables there.')
    const { gpuModels, gpus, cpuMilli, memoryMiB } = order.resources
    const { smallest } = this.config
    if (cpuMilli < smallest.cpus * 1000 || memoryMiB < smallest.memory)
      throw noBid(
        `Its smallest lease is ${formatCpu(Math.ceil(smallest.cpus * 1000))} and ${formatMiB(smallest.memory)}; the order asks for ${formatCpu(cpuMilli)} and ${formatMiB(memoryMiB)}.`,
      )
    if (gpus > 0 && gpuModels.length > 0 && !gpuModels.includes(capacity.gpuClass))
      throw noBid(`The order asks for ${gpuModels.join(' or ')}; here is ${capacity.gpuClass || 'no GPU'}.`)
    const unlike = gpuMismatch(order.resources, {
      gpuClass: capacity.gpuClass,
      ram: attributes['gpu-ram'],
      form: attributes['gpu-interface'],
    })
    if (unlike !== undefined) throw noBid(unlike)
    const room = freeRoom(capacityOf(this.config), leases)
    const resources = takenBy(order.resources)
    if (fits(resources, room)) return
    if (resources.cpuMilli > room.cpuMilli)
      throw noBid(
        `It has ${formatCpu(room.cpuMilli)} free; the order needs ${formatCpu(resources.cpuMilli)}.`,
      )
    if (resources.memoryMiB > room.memoryMiB)
      throw noBid(
        `It has ${formatMiB(room.memoryMiB)} of memory free; the order needs ${formatMiB(resources.memoryMiB)}, ${formatMiB(LEASE_OVERHEAD_MIB)} of it for what works beside its containers.`,
      )
    if (resources.diskMiB > room.diskMiB)
      throw noBid(
        `It has ${formatMiB(room.diskMiB)} of disk free; the order needs ${formatMiB(resources.diskMiB)}.`,
      )
    throw noBid(`It has ${room.gpus} GPUs free; the order needs ${resources.gpus}.`)
  }
}
