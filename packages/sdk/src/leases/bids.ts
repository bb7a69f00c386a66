import { findToken, getNoticeSeconds, isSignedBy, type Token } from '@cloister/chain'
import {
  bidTypedData,
  CloisterError,
  defaultPolicy,
  formatDuration,
  givesNotice,
  hashOrder,
  impossibleGpus,
  leaseIdOf,
  type Manifest,
  messageOf,
  noticeSecondsOf,
  type Order,
  orderFor,
  type Policy,
  type SignedBid,
  type WorkerRecord,
  type WorkerReport,
} from '@cloister/core'
import { type Address, type Hex, zeroAddress } from 'viem'
import type { Cloister } from '../cloister.ts'
import { sessionOf } from '../session.ts'

export interface BidsParameters {
  manifest: Manifest
  /** Symbol or address of the token to pay in. */
  pay: string
  /** Ceiling in base units per second. */
  maxRatePerSecond?: bigint | undefined
  /** Only bids of this provider or worker. */
  provider?: Address | undefined
  /** What the worker's evidence has to say; `defaultPolicy` if not given. */
  policy?: Policy | undefined
}

/** A bid that was checked, and who made it. */
export interface CheckedBid {
  bid: SignedBid
  /** Id the lease will have. */
  lease: Hex
  worker: WorkerRecord
  report: WorkerReport
  /** How long before the end its provider has to say so. */
  noticeSeconds: number
  /** That is less than the market's notice period, which a file has to accept (`reclamation`). */
  interruptible: boolean
}

/** A worker that doesn't bid, and why. */
export interface Declined {
  worker: Address
  provider: Address
  reason: string
}

export interface Bids {
  order: Order
  token: Token
  /** Cheapest first. */
  bids: CheckedBid[]
  declined: Declined[]
}

const ANSWER_MS = 5_000
const MAX_ASKED = 64
/** A bid has to live long enough to be taken. */
const SPARE_SECONDS = 15

/**
 * Asks every covered worker that could serve a manifest for a bid, in parallel, and checks each answer:
 * that it is for this order, under the ceiling, alive, with as much notice, and signed by the worker or
 * its provider. Prices are in base units per second. Sends no transaction. A worker that doesn't bid is
 * among `declined`. Throws `unknown-token` and what the index throws.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { bids, declined } = await leases.bids(cloister, { manifest, pay: 'USDC' })
 * console.log(bids[0]?.bid.ratePerSecond, declined.map(({ reason }) => reason))
 * ```
 */
export async function bids(
  cloister: Cloister,
  { manifest, pay, maxRatePerSecond, provider, policy }: BidsParameters,
): Promise<Bids> {
  const token = findToken(cloister.network, pay)
  const order = orderFor(manifest, {
    tenant: cloister.wallet?.account.address ?? zeroAddress,
    token: token.address,
    policy: policy ?? defaultPolicy(cloister.network.development),
    ...(maxRatePerSecond !== undefined && { maxRatePerSecond }),
  })
  const [marketNotice, all] = await Promise.all([
    getNoticeSeconds(cloister.chain),
    cloister.index.workers({ covered: true }),
  ])
  const workers = all.filter(
    (worker) => provider === undefined || worker.provider === provider || worker.worker === provider,
  )
  const declined: Declined[] = []
  const candidates = workers.filter((worker) => {
    const reason = tooSmall(order, worker)
    if (reason !== undefined) declined.push({ worker: worker.worker, provider: worker.provider, reason })
    return reason === undefined
  })
  const bids: CheckedBid[] = []
  await Promise.all(
    shuffled(candidates)
      .slice(0, MAX_ASKED)
      .map(async (worker) => {
        try {
          bids.push(await ask(cloister, order, worker, marketNotice))
        } catch (error) {
          declined.push({ worker: worker.worker, provider: worker.provider, reason: messageOf(error) })
        }
      }),
  )
  bids.sort((a, b) =>
    a.bid.ratePerSecond === b.bid.ratePerSecond
      ? b.worker.uptime - a.worker.uptime
      : a.bid.ratePerSecond < b.bid.ratePerSecond
        ? -1
        : 1,
  )
  return { order, token, bids, declined }
}

async function ask(
  cloister: Cloister,
  order: Order,
  worker: WorkerRecord,
  marketNotice: number,
): Promise<CheckedBid> {
  const { stranger } = sessionOf(cloister, worker)
  const signal = AbortSignal.timeout(ANSWER_MS)
  const bid = await stranger.bid(order, signal)
  // Asked for afterwards, over the same connection: a second one would take longer to open.
  const [report] = await Promise.all([stranger.report(signal), checkBid(cloister, order, worker, bid)])
  const noticeSeconds = noticeSecondsOf(bid, marketNotice)
  if (!givesNotice(bid, order.noticeSeconds, marketNotice))
    throw new CloisterError(
      'bad-bid',
      `Its bid gives ${formatDuration(noticeSeconds)} of notice; the order asks for ${formatDuration(order.noticeSeconds ?? marketNotice)}.`,
    )
  return {
    bid,
    worker,
    report,
    noticeSeconds,
    interruptible: noticeSeconds < marketNotice,
    lease: leaseIdOf(bid, cloister.network.chainId, cloister.network.contracts.market),
  }
}

async function checkBid(
  { chain, network }: Cloister,
  order: Order,
  worker: WorkerRecord,
  bid: SignedBid,
): Promise<void> {
  const wrong = (what: string) => new CloisterError('bad-bid', `Its bid ${what}.`)
  if (bid.worker !== worker.worker) throw wrong('is for another worker')
  if (
    bid.tenant !== order.tenant ||
    bid.manifestHash !== order.manifestHash ||
    bid.order !== hashOrder(order)
  )
    throw wrong('is for another order')
  if (bid.token !== order.token) throw wrong('is in another token')
  if (bid.ratePerSecond === 0n) throw wrong('has no price')
  if (order.maxRatePerSecond !== undefined && bid.ratePerSecond > BigInt(order.maxRatePerSecond))
    throw wrong('is above the ceiling')
  if (bid.expiry < Date.now() / 1000 + SPARE_SECONDS) throw wrong('is about to expire')
  const { signature, ...message } = bid
  const typed = bidTypedData(message, network.chainId, network.contracts.market)
  // The worker's key is a plain one; only the provider may be a contract, which costs a question to the
  // chain.
  if (
    !(await isSignedBy(chain, bid.worker, signature, typed)) &&
    !(await isSignedBy(chain, worker.provider, signature, typed))
  )
    throw wrong('is not signed by the worker or its provider')
}

function tooSmall({ resources }: Order, worker: WorkerRecord): string | undefined {
  if (resources.cpuMilli > worker.cpuMilli) return 'It has too few CPUs.'
  if (resources.memoryMiB > worker.memoryMiB) return 'It has too little memory.'
  if (resources.diskMiB > worker.diskMiB) return 'It has too little disk.'
  if (resources.gpus > worker.gpus) return worker.gpus === 0 ? 'It has no GPU.' : 'It has too few GPUs.'
  if (resources.gpus > 0 && resources.gpuModels.length > 0 && !resources.gpuModels.includes(worker.gpuClass))
    return `Its GPUs are ${worker.gpuClass}.`
  return impossibleGpus(resources, worker.gpuClass)
}

/** So that with very many workers all get asked by somebody. */
function shuffled<T>(items: T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
