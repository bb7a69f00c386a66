// A chain with one covered worker on it, and a tenant whose index and worker are what a test says.
import { registerWorker, signBid, type Wallet } from '@cloister/chain'
import type { WorkerClient } from '@cloister/client'
import { hashManifest, type LeaseRecord, type Manifest, parseManifest } from '@cloister/core'
import { coverWorker, type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import type { Address, Hex } from 'viem'
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import type { Cloister } from '../cloister.ts'
import { type Session, sessionOf } from '../session.ts'
import type { Bids, CheckedBid } from './bids.ts'

const HASH: Hex = `0x${'ab'.repeat(32)}`
const RATE = 10n

/** One service of an image, without a port. */
export function manifestOf(image = 'web'): Manifest {
  return parseManifest(`services:\n  web:\n    image: ${image}\n`, { file: 'compose.yaml' }).manifest
}

export interface Stage {
  chain: DevelopmentChain
  tenant: Wallet
  provider: Wallet
  worker: PrivateKeyAccount
  usdc: Address
  /** A bid of the worker's on a manifest, and the record of the worker that made it. */
  bid(manifest: Manifest, terms?: { minimumDeposit?: bigint }): Promise<CheckedBid>
  /** What bids come to that were asked for. */
  found(...bids: CheckedBid[]): Bids
  stop(): Promise<void>
}

export async function startStage(): Promise<Stage> {
  const chain = await startDevelopmentChain()
  const [tenant, provider] = [chain.wallet(4), chain.wallet(1)]
  const worker = privateKeyToAccount(generatePrivateKey())
  const token = chain.network.tokens.find(({ symbol }) => symbol === 'USDC')
  if (!token) throw new Error('The development network has no USDC.')
  await fundDevelopmentAccount(chain.wallet(0), tenant.account.address)
  await registerWorker(provider, worker, {
    cpuMilli: 2000,
    memoryMiB: 1024,
    diskMiB: 1024,
    gpus: 0,
    gpuClass: '',
    endpoint: 'http://127.0.0.1:1',
  })
  await coverWorker(provider, await chain.root.manufacture(), worker)
  let salt = 0n
  return {
    chain,
    tenant,
    provider,
    worker,
    usdc: token.address,
    bid: async (manifest, { minimumDeposit = 0n } = {}) => {
      const bid = await signBid(chain.network, worker, {
        tenant: tenant.account.address,
        worker: worker.address,
        token: token.address,
        ratePerSecond: RATE,
        minimumDeposit,
        expiry: Number((await tenant.client.getBlock()).timestamp) + 600,
        room: 0n,
        noticeMinutes: 0,
        manifestHash: hashManifest(manifest),
        order: HASH,
        salt: ++salt,
      })
      // Each as if it were another worker's, so that each has a session of its own.
      const endpoint = `http://127.0.0.1:1/${salt}`
      const record = { worker: worker.address, provider: provider.account.address, endpoint }
      return { bid, worker: { ...record, attestation: 'simulated' } } as unknown as CheckedBid
    },
    found: (...bids) => {
      const order = { policy: {}, resources: { gpus: 0, gpuModels: [] } }
      return { bids, declined: [], token, order } as unknown as Bids
    },
    stop: () => chain.stop(),
  }
}

/** A tenant on the stage's chain, whose index is `index` and whose gateway answers as `send` does. */
export function cloisterOn(stage: Stage, index: object = {}, wallet = stage.tenant): Cloister {
  const send = async () => Response.json([])
  return { network: stage.chain.network, chain: wallet, wallet, index, send } as unknown as Cloister
}

/** What an index says of a lease of the stage's tenant on the stage's worker. */
export function recordOf(stage: Stage, lease: Hex, changes: Partial<LeaseRecord> = {}): LeaseRecord {
  return {
    lease,
    shortId: lease.slice(2, 18),
    tenant: stage.tenant.account.address,
    worker: stage.worker.address,
    provider: stage.provider.account.address,
    endpoint: 'http://127.0.0.1:1',
    token: stage.usdc,
    ratePerSecond: RATE.toString(),
    deposit: '0',
    spent: '0',
    refund: '0',
    coveredSeconds: 0,
    openedAt: Math.floor(Date.now() / 1000),
    ...changes,
  } as LeaseRecord
}

/** Makes the session with a worker, or about a lease, one with `worker`, whose evidence holds. */
export function sessionWith(
  cloister: Cloister,
  about: Parameters<typeof sessionOf>[1],
  worker: { [key in keyof WorkerClient]?: unknown },
): Session {
  const session = sessionOf(cloister, about)
  session.demand = async () => {}
  return Object.defineProperty(session, 'worker', { value: worker })
}
