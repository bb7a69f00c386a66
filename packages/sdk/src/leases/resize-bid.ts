import { getAccrued, getLease, isSignedBy, type Token } from '@cloister/chain'
import { throughAbsence } from '@cloister/client'
import {
  CloisterError,
  defaultPolicy,
  hashManifest,
  hashOrder,
  type Manifest,
  type Order,
  orderFor,
  type Policy,
  resizeBidTypedData,
  type SignedResizeBid,
} from '@cloister/core'
import type { Hex } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import { type Session, sessionOf } from '../session.ts'
import { findLease } from './lease.ts'

const ANSWER_MS = 10_000
/** A bid has to live long enough to be taken. */
const SPARE_SECONDS = 15
/** Seconds at the price before that a transaction may take, so that enough is left then. */
const MINING_SECONDS = 120n

/** What changing a lease takes. Amounts in base units of `token`. */
export interface ResizeOffer {
  lease: Hex
  order: Order
  bid: SignedResizeBid
  token: Token
  /** What the lease costs, takes of its worker, and is to run, before. */
  before: { ratePerSecond: bigint; room: bigint; manifestHash: Hex }
  /** What the lease holds now. */
  balance: bigint
  /** What has to be added at least, since the bid asks for more than it holds; mostly nothing. */
  leastAdded: bigint
}

/** Of whose evidence what is demanded, and at which price at most. */
export interface ResizeBidOptions {
  policy?: Policy | undefined
  /** Ceiling in base units per second. */
  maxRatePerSecond?: bigint | undefined
}

/**
 * Asks a lease's worker what the lease would cost with another manifest, larger or smaller, and checks its
 * bid: that it is for this lease and order, under the ceiling, alive, and signed by the worker or its
 * provider. Costs nothing. Throws `no-bid` with the worker's reason, `bad-bid`, and `not-found` for a lease
 * that has ended.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { bid, before } = await leases.resizeBid(cloister, 'my-app', manifest)
 * console.log(bid.ratePerSecond - before.ratePerSecond)
 * ```
 */
export async function resizeBid(
  cloister: Cloister,
  key: string,
  manifest: Manifest,
  { policy, maxRatePerSecond }: ResizeBidOptions = {},
): Promise<ResizeOffer> {
  const { account } = walletOf(cloister)
  const record = await findLease(cloister, key)
  if (record.tenant !== account.address)
    throw new CloisterError('forbidden', `Only its tenant, ${record.tenant}, can resize the lease.`, {
      hint: { do: 'name-account' },
    })
  const session = sessionOf(cloister, record)
  const [lease, accrued] = await Promise.all([
    getLease(cloister.chain, record.lease),
    getAccrued(cloister.chain, record.lease),
  ])
  if (lease.state !== 'open') throw new CloisterError('not-found', `The lease ${record.shortId} is closed.`)
  const token = cloister.network.tokens[lease.tokenIndex]
  if (!token) throw new CloisterError('unknown-token', 'The network does not know the token of the lease.')
  const order = orderFor(manifest, {
    tenant: account.address,
    token: token.address,
    policy: policy ?? defaultPolicy(cloister.network.development),
    ...(maxRatePerSecond !== undefined && { maxRatePerSecond }),
  })
  const bid = await throughAbsence(() =>
    session.asTenant.resizeBid(record.lease, order, AbortSignal.timeout(ANSWER_MS)),
  ).catch((error) => {
    throw error instanceof CloisterError && error.code === 'no-bid' ? declined(error) : error
  })
  await checkBid(session, record.lease, order, hashManifest(manifest), bid)
  const balance = lease.balance - accrued
  const { ratePerSecond, room, manifestHash } = lease
  const lacking = bid.minimumBalance - balance
  return {
    lease: record.lease,
    order,
    bid,
    token,
    before: { ratePerSecond, room, manifestHash },
    balance,
    leastAdded:
      lacking + MINING_SECONDS * ratePerSecond <= 0n ? 0n : lacking + MINING_SECONDS * ratePerSecond,
  }
}

/** The worker's reason, and what would do where it has no room. */
function declined(error: CloisterError): CloisterError {
  return new CloisterError('no-bid', error.message, {
    hint: 'Ask for less, or deploy the file as a new lease, which asks another worker too.',
    cause: error,
  })
}

async function checkBid(
  { cloister, about }: Session,
  lease: Hex,
  order: Order,
  manifestHash: Hex,
  bid: SignedResizeBid,
): Promise<void> {
  const { chain, network } = cloister
  const wrong = (what: string) => new CloisterError('bad-bid', `The worker’s bid ${what}.`)
  if (bid.lease !== lease) throw wrong('is for another lease')
  if (bid.manifestHash !== manifestHash || bid.order !== hashOrder(order)) throw wrong('is for another order')
  if (bid.ratePerSecond === 0n) throw wrong('has no price')
  if (order.maxRatePerSecond !== undefined && bid.ratePerSecond > BigInt(order.maxRatePerSecond))
    throw wrong('is above the ceiling')
  if (bid.expiry < Date.now() / 1000 + SPARE_SECONDS) throw wrong('is about to expire')
  const { signature, ...message } = bid
  const typed = resizeBidTypedData(message, network.chainId, network.contracts.market)
  if (
    !(await isSignedBy(chain, about.worker, signature, typed)) &&
    !(await isSignedBy(chain, about.provider, signature, typed))
  )
    throw wrong('is not signed by the worker or its provider')
}
