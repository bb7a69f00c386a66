// A chain with workers that bid for what they are asked, run it, and say so; their index knows what it knows.
import {
  connectWallet,
  findToken,
  getLease,
  getLeasesOpenedBy,
  getResizes,
  registerWorker,
  signBid,
  signResizeBid,
  type Wallet,
} from '@cloister/chain'
import { hashManifest, hashOrder, leaseIdOf, type Manifest, type Order, type SignedBid } from '@cloister/core'
import { coverWorker, type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import type { Address, Hex } from 'viem'
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import type { Cloister } from '../../cloister.ts'
import { sessionWith } from '../../leases/testing.ts'

const ROOM = { cpuMilli: 8_000, memoryMiB: 16_384, diskMiB: 16_384, gpus: 0, gpuClass: '' }
const RUNNING = { state: 'running', services: [], routes: [], domains: [] }

/** A worker on the chain, which runs what it is given. */
export class MarketWorker {
  readonly account: PrivateKeyAccount = privateKeyToAccount(generatePrivateKey())
  readonly name: string
  readonly provider: Wallet
  /** What it asks for, base units per second. */
  rate: bigint
  /** What it runs, by lease. */
  readonly running = new Map<Hex, Manifest>()
  isAway = false
  /** The last bid that it made. */
  lastBid: SignedBid | undefined
  private readonly cloister: Cloister
  private salt = 0n

  constructor(cloister: Cloister, provider: Wallet, name: string, rate: bigint) {
    this.cloister = cloister
    this.provider = provider
    this.name = name
    this.rate = rate
    Object.defineProperty(sessionWith(cloister, this.record, this.client), 'stranger', { value: this.client })
  }

  get record() {
    return {
      worker: this.account.address,
      provider: this.provider.account.address,
      endpoint: `http://127.0.0.1:1/${this.name}`,
      tlsKeyHash: undefined,
      attestation: 'simulated',
      uptime: 1,
      ...ROOM,
    }
  }

  /** What is asked of it, as over its connections. */
  private get client() {
    return {
      report: async () => {
        if (this.isAway) throw new Error('It is away.')
        return { name: this.name, free: ROOM, gpuClass: '', attributes: {} }
      },
      bid: (order: Order) => this.bid(order),
      resizeBid: async (lease: Hex, order: Order) => {
        const { network } = this.cloister
        return signResizeBid(network, this.account, {
          lease,
          number: await getResizes(this.cloister.chain, lease),
          ratePerSecond: this.rate,
          minimumBalance: 0n,
          expiry: await this.soon(),
          room: 0x0001_0002_0003_0000n,
          manifestHash: order.manifestHash,
          order: hashOrder(order),
        })
      },
      putManifest: async (lease: Hex, manifest: Manifest) => void this.running.set(lease, manifest),
      manifest: async (lease: Hex) => this.running.get(lease),
      lease: async (lease: Hex) => {
        const manifest = this.running.get(lease)
        return { ...RUNNING, lease, ...(manifest && { manifestHash: hashManifest(manifest) }) }
      },
      logs: async function* () {},
    }
  }

  private async bid(order: Order): Promise<SignedBid> {
    const { network } = this.cloister
    const { address: tenant } = (this.cloister.wallet as Wallet).account
    const bid = await signBid(network, this.account, {
      tenant,
      worker: this.account.address,
      token: order.token,
      ratePerSecond: this.rate,
      minimumDeposit: 0n,
      expiry: await this.soon(),
      room: 0n,
      noticeMinutes: 0,
      manifestHash: order.manifestHash,
      order: hashOrder(order),
      salt: ++this.salt,
    })
    const lease = leaseIdOf(bid, network.chainId, network.contracts.market)
    sessionWith(this.cloister, { ...this.record, lease, tenant }, this.client)
    this.lastBid = bid
    return bid
  }

  private async soon(): Promise<number> {
    return Number((await this.cloister.chain.client.getBlock()).timestamp) + 600
  }
}

export interface ModelMarket {
  chain: DevelopmentChain
  /** A provider, which is its own tenant. */
  provider: Wallet
  /** Provider of others' workers. */
  stranger: Wallet
  /** The provider's dealings, as if in a process of their own. */
  cloister: Cloister
  worker(name: string, rate: bigint, of?: Wallet): Promise<MarketWorker>
  /** Open leases of the provider's, by the chain. */
  open(): Promise<{ lease: Hex; worker: Address }[]>
  stop(): Promise<void>
}

export async function startModelMarket(): Promise<ModelMarket> {
  const chain = await startDevelopmentChain()
  const { network } = chain
  const stranger = chain.wallet(1)
  // Of its own, so that what one test opened isn't what another finds.
  const provider = connectWallet(network, privateKeyToAccount(generatePrivateKey()))
  await fundDevelopmentAccount(chain.wallet(0), provider.account.address)
  const workers: MarketWorker[] = []
  const of = (address: string) => workers.find(({ account }) => account.address === address) as MarketWorker
  const index = {
    workers: async () => workers.map(({ record }) => record),
    worker: async (address: string) => of(address).record,
    lease: async (lease: Hex) => {
      const { worker, tenant, ratePerSecond } = await getLease(provider, lease)
      const { endpoint, tlsKeyHash, provider: owner } = of(worker).record
      const token = findToken(network, 'USDC').address
      const shortId = lease.slice(2, 18)
      return { lease, shortId, worker, provider: owner, endpoint, tlsKeyHash, tenant, token, ratePerSecond }
    },
  }
  const send = async () => Response.json([])
  const cloister = { network, chain: provider, wallet: provider, index, send } as unknown as Cloister
  return {
    chain,
    provider,
    stranger,
    cloister,
    async worker(name, rate, owner = provider) {
      const worker = new MarketWorker(cloister, owner, name, rate)
      await registerWorker(owner, worker.account, { ...ROOM, endpoint: worker.record.endpoint })
      await coverWorker(owner, await chain.root.manufacture(), worker.account)
      workers.push(worker)
      return worker
    },
    async open() {
      const opened = await getLeasesOpenedBy(provider, provider.account.address)
      const states = await Promise.all(opened.map(({ lease }) => getLease(provider, lease)))
      return states.filter(({ state }) => state === 'open').map(({ id, worker }) => ({ lease: id, worker }))
    },
    stop: () => chain.stop(),
  }
}
