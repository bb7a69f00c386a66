// A key service of three seats on a chain of its own, whose workers prove themselves as any does.
import {
  type Network,
  openLease,
  registerWorker,
  setKeyServiceManifest,
  signBid,
  signConsent,
  takeSeat,
} from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { coverWorker, type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import { signDocuments } from '@cloister/development/root'
import { zeroHash } from 'viem'
import { type Cloister, createCloister } from '../../cloister.ts'
import { type Answers, FakeSeat, MANIFEST_HASH } from './fake-seat.ts'
import { Document, type Serving, serve } from './serving.ts'

export interface FakeKeyService {
  cloister: Cloister
  seats: FakeSeat[]
  /** All as it should be again, with these answers of instances by seat. */
  reset(answers: (seat: number) => Answers): void
  stop(): Promise<void>
}

export async function startFakeKeyService(): Promise<FakeKeyService> {
  const chain = await startDevelopmentChain()
  const documents = await signDocuments(chain.root)
  const seats: FakeSeat[] = []
  const services = await serve(async (path) => {
    const document = documents[path.replace(/\?.*$/, '')]
    return document ? new Document(document) : recordAt(seats, path)
  })
  const network: Network = {
    ...chain.network,
    indexerUrl: services.url,
    attestation: { ...chain.network.attestation, endorsementsUrl: services.url },
  }
  await setKeyServiceManifest(chain.governance, MANIFEST_HASH)
  await fundDevelopmentAccount(chain.wallet(0), chain.wallet(4).account.address)
  const served: Serving[] = [services]
  for (const index of [0, 1, 2]) {
    const provider = chain.wallet(index + 1).account.address
    const seat = new FakeSeat(network, provider, await chain.root.manufacture())
    const serving = await serve((path, route) => seat.answer(path, route))
    seat.endpoint = serving.url
    await fill(chain, seat, index)
    served.push(serving)
    seats.push(seat)
  }
  return {
    cloister: createCloister({ network }),
    seats,
    reset: (answers) => {
      for (const [index, seat] of seats.entries()) seat.reset(answers(index))
    },
    stop: async () => {
      for (const { close } of served) close()
      await chain.stop()
    },
  }
}

/** Covers a worker, leases an instance on it and gives that its seat. */
async function fill(chain: DevelopmentChain, seat: FakeSeat, index: number): Promise<void> {
  const [provider, tenant] = [chain.wallet(index + 1), chain.wallet(4)]
  const token = chain.network.tokens.find(({ symbol }) => symbol === 'USDC')
  if (!token) throw new Error('The development network has no USDC.')
  const room = { cpuMilli: 1000, memoryMiB: 1024, diskMiB: 1024, gpus: 0, gpuClass: '' }
  await registerWorker(provider, seat.key, { ...room, endpoint: seat.endpoint })
  await coverWorker(provider, seat.platform, seat.key)
  const expiry = Number((await tenant.client.getBlock()).timestamp) + 600
  const bid = await signBid(chain.network, seat.key, {
    tenant: tenant.account.address,
    worker: seat.key.address,
    token: token.address,
    ratePerSecond: 1n,
    minimumDeposit: 0n,
    expiry,
    room: 0n,
    noticeMinutes: 0,
    manifestHash: MANIFEST_HASH,
    order: zeroHash,
    salt: 1n,
  })
  seat.lease = (await openLease(tenant, bid, 10_000n)).id
  const word = { seat: index, lease: seat.lease, expiry, manifestHash: MANIFEST_HASH }
  await takeSeat(chain.wallet(0), await signConsent(chain.network, seat.key, word))
}

/** What an index says of a seat's worker. Throws `not-found`. */
function recordAt(seats: FakeSeat[], path: string): object {
  const seat = seats.find(({ key }) => path === `/v1/workers/${key.address}`)
  if (!seat) throw new CloisterError('not-found', `There is no ${path}.`)
  const counts = { cpuMilli: 0, memoryMiB: 0, diskMiB: 0, gpus: 0, openLeases: 1, leasesServed: 0 }
  const times = { registeredAt: 0, coveredUntil: 0, coveredSeconds: 0, uptime: 0 }
  return {
    worker: seat.key.address,
    provider: seat.provider,
    endpoint: seat.endpoint,
    gpuClass: '',
    retired: false,
    attestation: 'simulated',
    ...counts,
    ...times,
  }
}
