import { type ChainLease, getLease, resizeLease } from '@cloister/chain'
import { throughAbsence } from '@cloister/client'
import { CloisterError, diskOnly, hashManifest, type Manifest } from '@cloister/core'
import type { Hex } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import { untilTrue } from './hold.ts'
import { openSession } from './lease.ts'
import { manifestOf } from './manifest.ts'
import { requireMoney } from './money.ts'
import { addedTo, type Resized } from './resize.ts'
import { type ResizeBidOptions, type ResizeOffer, resizeBid } from './resize-bid.ts'
import { untilStarted } from './start.ts'

const STOP_MS = 120_000

/** What a paused lease runs when it is resumed, and what its worker asks for it. */
export interface PauseOffer extends ResizeOffer {
  /** What runs, or will run again. */
  manifest: Manifest
  /** Whether it is paused now. What runs again then is by the word of its worker alone. */
  isPaused: boolean
}

/**
 * What a lease would cost that keeps its volumes and runs nothing, by its worker's bid. Costs nothing. Throws
 * `not-found` where nothing runs, `bad-bid` where the worker asks for more than it does for all of it, and
 * what `resizeBid` throws.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { bid, before } = await leases.pauseBid(cloister, 'my-app')
 * console.log(before.ratePerSecond, bid.ratePerSecond)
 * ```
 */
export async function pauseBid(
  cloister: Cloister,
  key: string,
  options: ResizeBidOptions = {},
): Promise<PauseOffer> {
  const { manifest, isPaused } = await ofLease(cloister, key)
  const offer = await resizeBid(cloister, key, diskOnly(manifest), options)
  const { bid, before } = offer
  if (bid.ratePerSecond > before.ratePerSecond && bid.manifestHash !== before.manifestHash)
    throw new CloisterError(
      'bad-bid',
      'The worker asks for more for the volumes alone than for all that the lease has.',
      { hint: 'Take a snapshot of the lease, close it, and begin another one from that.' },
    )
  return { ...offer, manifest, isPaused }
}

/**
 * Ends the containers of a lease, keeps its volumes, and makes it as small as its disk: it stays on its
 * worker, attested and paid by the second, until it is resumed or closed. Broken off, it is repeated.
 * `added`: base units that are put in, where somebody agreed. Throws what `pauseBid` throws,
 * `deposit-unexpected`, and `start-failed` where they don't stop in two minutes.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { ratePerSecond } = await leases.pause(cloister, 'my-app')
 * ```
 */
export async function pause(
  cloister: Cloister,
  key: string,
  given?: PauseOffer,
  { added }: { added?: bigint | undefined } = {},
): Promise<Omit<Resized, 'handedOver'>> {
  const offer = given ?? (await pauseBid(cloister, key))
  const adds = addedTo(offer, added)
  const { asTenant } = await openSession(cloister, key)
  const { lease } = offer
  // First what makes it cheaper for the worker: nothing may run in a lease that is too small for it.
  await throughAbsence(() => asTenant.hold(lease, { held: true }))
  await untilTrue(
    async () => (await throughAbsence(() => asTenant.lease(lease))).state === 'stopped',
    Date.now() + STOP_MS,
    'The worker does not stop it in time.',
  )
  return take(cloister, offer, adds)
}

/**
 * What a paused lease costs once it runs again. `manifest`: what ran, as whoever paused it knows it. Throws
 * `bad-answer` where its worker has another, and what `resizeBid` throws.
 *
 * @example
 * ```ts
 * import { hashManifest } from '@cloister/core'
 * import { leases } from '@cloister/sdk'
 *
 * const { bid } = await leases.resumeBid(cloister, 'my-app', hashManifest(manifest))
 * console.log(bid.ratePerSecond)
 * ```
 */
export async function resumeBid(
  cloister: Cloister,
  key: string,
  expected: Hex,
  options: ResizeBidOptions = {},
): Promise<PauseOffer> {
  const { asTenant, about } = await openSession(cloister, key)
  const { lease = '0x' } = about
  const manifest = await throughAbsence(() => asTenant.manifest(lease))
  if (hashManifest(manifest) !== expected)
    throw new CloisterError('bad-answer', 'The worker has another manifest than the one that was paused.', {
      hint: 'Name the file that ran when it was paused.',
    })
  const offer = await resizeBid(cloister, key, manifest, options)
  return { ...offer, manifest, isPaused: offer.before.manifestHash === hashManifest(diskOnly(manifest)) }
}

/**
 * Gives a paused lease its size back and has it run again, with its volumes and addresses. Broken off, it is
 * repeated. `added`: base units that are put in, where somebody agreed. Throws `start-failed`,
 * `deposit-unexpected`, and what `resumeBid` throws.
 *
 * @example
 * ```ts
 * import { hashManifest } from '@cloister/core'
 * import { leases } from '@cloister/sdk'
 *
 * const offer = await leases.resumeBid(cloister, 'my-app', hashManifest(manifest))
 * await leases.resume(cloister, 'my-app', offer)
 * ```
 */
export async function resume(
  cloister: Cloister,
  key: string,
  offer: PauseOffer,
  {
    added,
    onStep = () => {},
  }: { added?: bigint | undefined; onStep?: ((detail: string) => void) | undefined } = {},
): Promise<Omit<Resized, 'handedOver'>> {
  const { asTenant } = await openSession(cloister, key)
  const taken = await take(cloister, offer, addedTo(offer, added))
  await throughAbsence(() => asTenant.hold(offer.lease, { held: false }))
  await untilStarted(asTenant, offer.lease, { manifest: offer.manifest }, onStep)
  return taken
}

/** What runs on a lease, or what its worker would run again where it is paused. Throws as `manifestOf`. */
async function ofLease(cloister: Cloister, key: string): Promise<Pick<PauseOffer, 'manifest' | 'isPaused'>> {
  try {
    return { manifest: await manifestOf(cloister, key), isPaused: false }
  } catch (error) {
    if (!(error instanceof CloisterError) || error.code !== 'bad-answer') throw error
    const { asTenant, about } = await openSession(cloister, key)
    const { lease = '0x' } = about
    const [manifest, { manifestHash }] = await Promise.all([
      throughAbsence(() => asTenant.manifest(lease)),
      getLease(cloister.chain, lease),
    ])
    if (hashManifest(diskOnly(manifest)) !== manifestHash) throw error
    return { manifest, isPaused: true }
  }
}

/** Takes the bid, unless the lease is what it is for already. */
async function take(
  cloister: Cloister,
  { lease, bid, token, before }: ResizeOffer,
  added: bigint,
): Promise<Omit<Resized, 'handedOver'>> {
  const wallet = walletOf(cloister)
  const is = ({ manifestHash, room }: Pick<ChainLease, 'manifestHash' | 'room'>) =>
    manifestHash === bid.manifestHash && room === bid.room
  const isThere = is(await getLease(wallet, lease)) && added === 0n
  if (added > 0n) await requireMoney(cloister, token.address, added)
  const receipt = isThere ? undefined : await resizeLease(wallet, bid, token.address, added)
  return {
    lease,
    manifestHash: bid.manifestHash,
    previousManifestHash: before.manifestHash,
    ratePerSecond: receipt ? bid.ratePerSecond : before.ratePerSecond,
    previousRatePerSecond: before.ratePerSecond,
    added: receipt ? added : 0n,
    transaction: receipt?.transactionHash,
  }
}
