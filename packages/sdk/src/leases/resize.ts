import { resizeLease, updateLease } from '@cloister/chain'
import { throughAbsence } from '@cloister/client'
import {
  CloisterError,
  canonicalHash,
  fits,
  formatAmount,
  hashManifest,
  type Manifest,
  messageOf,
  resourcesOf,
  sentParts,
} from '@cloister/core'
import type { Hex } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import { checkWorkerFor } from '../verify/check-worker.ts'
import { openSession } from './lease.ts'
import { manifestOf } from './manifest.ts'
import { requireMoney } from './money.ts'
import { withKeptSecrets } from './new-secrets.ts'
import { readerOf } from './reading-key.ts'
import { type ResizeBidOptions, type ResizeOffer, resizeBid } from './resize-bid.ts'
import { expectedRate, requireExpectedRate } from './resize-rate.ts'
import { checkContents, sayProgress, sendContents } from './send.ts'
import { patienceOf, type UpdateOptions, untilRunning } from './update.ts'

/** What a resize did. Amounts in base units of the lease's token. */
export interface Resized {
  lease: Hex
  manifestHash: Hex
  previousManifestHash: Hex
  ratePerSecond: bigint
  previousRatePerSecond: bigint
  added: bigint
  /** None where the lease had that size, price and manifest already. */
  transaction: Hex | undefined
  /** False where the worker ran that manifest already. */
  handedOver: boolean
}

export interface ResizeOptions extends Omit<UpdateOptions, 'pull'>, ResizeBidOptions {
  /** The bid to take, as `resizeBid` gave it; asked for if not given. */
  offer?: ResizeOffer | undefined
  /** Base units to add; what the bid asks for, if that is more than nothing and nothing is said. */
  added?: bigint | undefined
}

/**
 * Gives a lease another size, larger or smaller, with the manifest that needs it: same worker, address,
 * volumes and deposit. The worker bids for it, one transaction settles what the lease cost until then and
 * changes it, and what runs gets its new limits as it runs where only those change. If the new manifest
 * doesn't start, the one before runs on where the lease has room for it; the lease keeps its new size and
 * price: throws `update-failed`. Nothing has changed where it throws `no-bid`, `deposit-too-small`,
 * `no-money`, `policy` or `unsupported`, or `rate-unexpected`, where no `maxRatePerSecond` is said and the
 * worker asks for more than twice what the sizes make of the price before.
 *
 * @example
 * ```ts
 * import { leases, resizeManifest } from '@cloister/sdk'
 *
 * const running = await leases.manifestOf(cloister, 'my-app')
 * const larger = resizeManifest(running, { service: 'web', memoryMiB: 4096 })
 * const { ratePerSecond } = await leases.resize(cloister, 'my-app', larger, { onStep: console.log })
 * ```
 */
export async function resize(
  cloister: Cloister,
  key: string,
  manifest: Manifest,
  options: ResizeOptions = {},
): Promise<Resized> {
  const wallet = walletOf(cloister)
  const { onStep = () => {}, policy, logins, contents = [] } = options
  const session = await openSession(cloister, key)
  const running = await manifestOf(cloister, key).catch(() => undefined)
  // What runs has what comes beside it already.
  if (!running || !isDeepEqual(sentParts(running), sentParts(manifest))) checkContents(manifest, contents)
  const worker = session.asTenant
  onStep('asking the worker for a bid')
  const offer = options.offer ?? (await resizeBid(cloister, key, manifest, options))
  const { lease, bid, before } = offer
  const hash = hashManifest(manifest)
  if (bid.manifestHash !== hash)
    throw new CloisterError('bad-bid', 'The bid that was given is for another manifest.')
  const expected = expectedRate(before.ratePerSecond, running && resourcesOf(running), offer.order.resources)
  requireExpectedRate(offer, options.maxRatePerSecond ?? expected)
  const added = addedTo(offer, options.added)
  const envelope = await withKeptSecrets(cloister, worker, lease, manifest, options.envelope)
  onStep('checking the worker against the file')
  await throughAbsence(() => checkWorkerFor(session, manifest, policy))
  const isThere =
    before.manifestHash === hash && before.room === bid.room && before.ratePerSecond === bid.ratePerSecond
  const isRunning = running !== undefined && hashManifest(running) === hash
  if (added > 0n) await requireMoney(cloister, offer.token.address, added)
  if (!isThere || added > 0n) onStep('resizing the lease')
  const receipt =
    isThere && added === 0n ? undefined : await resizeLease(wallet, bid, offer.token.address, added)
  const resized: Resized = {
    lease,
    manifestHash: hash,
    previousManifestHash: before.manifestHash,
    ratePerSecond: bid.ratePerSecond,
    previousRatePerSecond: before.ratePerSecond,
    added: receipt ? added : 0n,
    transaction: receipt?.transactionHash,
    handedOver: false,
  }
  if (isRunning && !envelope) return resized
  try {
    onStep('handing the manifest to the worker')
    if (logins) await throughAbsence(() => worker.putLogins(lease, logins))
    await sendContents(worker, lease, contents, (progress) => onStep(sayProgress(progress)))
    if (envelope) await throughAbsence(() => worker.putSecrets(lease, envelope))
    const reader = await readerOf(wallet)
    await throughAbsence(() => worker.putManifest(lease, manifest, reader))
    const read = () => throughAbsence(() => worker.lease(lease))
    await untilRunning(read, hash, options.timeoutMs ?? patienceOf(manifest), onStep)
  } catch (error) {
    const runsOn = running !== undefined && fits(resourcesOf(running), offer.order.resources)
    if (before.manifestHash !== hash && runsOn && hashManifest(running) === before.manifestHash) {
      onStep('going back to the manifest before')
      await updateLease(wallet, lease, before.manifestHash)
    }
    const still = runsOn
      ? 'The manifest before runs on. The lease keeps its new size and price.'
      : 'The lease has its new size and price, and nothing that fits it runs.'
    throw new CloisterError('update-failed', `${messageOf(error)} ${still}`, {
      hint: { do: 'resize-lease', subject: lease.slice(2, 18) },
      cause: error,
    })
  }
  return { ...resized, handedOver: true }
}

function isDeepEqual(one: unknown, other: unknown): boolean {
  return canonicalHash(one) === canonicalHash(other)
}

/** What is added with the resize. Throws `deposit-too-small`, or `deposit-unexpected`, as opening does. */
export function addedTo({ bid, token, leastAdded }: ResizeOffer, asked: bigint | undefined): bigint {
  const shown = (amount: bigint) => `${formatAmount(amount, token.decimals)} ${token.symbol}`
  const hint = { do: 'give-deposit', subject: formatAmount(leastAdded, token.decimals) } as const
  if (asked !== undefined) {
    if (asked >= leastAdded) return asked
    throw new CloisterError(
      'deposit-too-small',
      `The worker asks that the lease holds ${shown(bid.minimumBalance)} then: ${shown(leastAdded)} more, and this is ${shown(asked)}.`,
      { hint },
    )
  }
  // No more than whoever opens a lease without an amount agrees to.
  const ordinary = bid.ratePerSecond * 3600n + 10n ** BigInt(token.decimals) / 20n
  if (bid.minimumBalance <= ordinary) return leastAdded
  if (leastAdded === 0n) return 0n
  throw new CloisterError(
    'deposit-unexpected',
    `The worker asks that the lease holds ${shown(bid.minimumBalance)} then, ${shown(leastAdded)} more. Nobody agreed to put in so much.`,
    { hint },
  )
}
