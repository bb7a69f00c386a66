import { getLease, updateLease } from '@cloister/chain'
import { throughAbsence } from '@cloister/client'
import {
  CloisterError,
  GrowingPause,
  hashManifest,
  type Manifest,
  messageOf,
  type Policy,
  type RegistryLogin,
  type SentContent,
  startPatienceMs,
} from '@cloister/core'
import type { Envelope } from '@cloister/secrets'
import type { Hex } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import { sessionOf } from '../session.ts'
import { checkWorkerFor } from '../verify/check-worker.ts'
import { findLease } from './lease.ts'
import { withKeptSecrets } from './new-secrets.ts'
import { readerOf } from './reading-key.ts'
import { checkContents, sayProgress, sendContents } from './send.ts'

/** The worker may be bringing images; it gives up by itself once they are here. */
const IMAGES_MS = 3_600_000

/** What an update did. */
export interface Updated {
  lease: Hex
  manifestHash: Hex
  previousManifestHash: Hex
  /** None where the lease had that hash already. */
  transaction: Hex | undefined
  /** False where the worker runs that manifest already. */
  handedOver: boolean
}

export interface UpdateOptions {
  onStep?: (text: string) => void
  /** What the worker's evidence has to say now; what the file demands of it counts anyway. */
  policy?: Policy | undefined
  /** New sealed secrets, in place of those of their names; others that were given before stay. */
  envelope?: Envelope | undefined
  /** What the manifest takes beside it; what the worker has already is not sent again. */
  contents?: readonly SentContent[] | undefined
  /** Logins at registries, in place of those given before. */
  logins?: readonly RegistryLogin[] | undefined
  /** Have tags looked up anew where the manifest is what runs already. */
  pull?: boolean | undefined
  timeoutMs?: number | undefined
}

/**
 * Puts a new manifest on a lease: same worker, address and volumes; and new sealed secrets, if any are
 * given, in place of those of their names: throws `secrets-missing` where the manifest takes some that
 * neither they nor the lease has, or that another account sealed, before anything is changed. If it
 * doesn't start, the worker goes back to the one before and so does the hash on chain; throws
 * `update-failed` then. A worker that isn't what the manifest or the policy demands gets nothing; throws
 * `policy` or `unsupported`.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { handedOver } = await leases.update(cloister, 'my-app', manifest, { onStep: console.log })
 * ```
 */
export async function update(
  cloister: Cloister,
  key: string,
  manifest: Manifest,
  options: UpdateOptions = {},
): Promise<Updated> {
  const { onStep = () => {}, policy, logins, contents = [], pull = false, timeoutMs } = options
  const wallet = walletOf(cloister)
  checkContents(manifest, contents)
  const record = await findLease(cloister, key)
  const session = sessionOf(cloister, record)
  const worker = session.asTenant
  const { manifestHash: previous, state } = await getLease(wallet, record.lease)
  if (state !== 'open') throw new CloisterError('not-found', `The lease ${record.shortId} is closed.`)
  const running = (await throughAbsence(() => worker.lease(record.lease))).manifestHash
  const hash = hashManifest(manifest)
  const isSame = running === hash && previous === hash
  const envelope = await withKeptSecrets(cloister, worker, record.lease, manifest, options.envelope)
  // Before anything is given to the worker, and before the hash on chain says that it runs.
  if (!isSame || envelope || policy) {
    onStep('checking the worker against the file')
    await throughAbsence(() => checkWorkerFor(session, manifest, policy))
  }
  if (logins) await throughAbsence(() => worker.putLogins(record.lease, logins))
  if (isSame && !envelope && !pull)
    return {
      lease: record.lease,
      manifestHash: hash,
      previousManifestHash: previous,
      transaction: undefined,
      handedOver: false,
    }
  await sendContents(worker, record.lease, contents, (progress) => onStep(sayProgress(progress)))
  onStep('putting the new hash on the lease')
  const receipt = previous === hash ? undefined : await updateLease(wallet, record.lease, hash)
  try {
    onStep('handing the manifest to the worker')
    if (envelope) await throughAbsence(() => worker.putSecrets(record.lease, envelope))
    if (isSame && !envelope) await throughAbsence(() => worker.pull(record.lease))
    else {
      const reader = await readerOf(wallet)
      await throughAbsence(() => worker.putManifest(record.lease, manifest, reader))
    }
    await untilRunning(
      () => throughAbsence(() => worker.lease(record.lease)),
      hash,
      timeoutMs ?? patienceOf(manifest),
      onStep,
    )
  } catch (error) {
    // To the hash that the tenant put there, whatever the worker says that it runs.
    if (previous !== hash) {
      onStep('going back to the manifest before')
      await updateLease(wallet, record.lease, previous)
    }
    const still =
      running === undefined
        ? 'Nothing runs on the lease.'
        : running === previous && previous !== hash
          ? 'The manifest before runs on, and its hash is on the lease again.'
          : 'The manifest before runs on.'
    throw new CloisterError('update-failed', `${messageOf(error)} ${still}`, {
      cause: error,
      ...(error instanceof CloisterError && error.hint !== undefined && { hint: error.hint }),
    })
  }
  return {
    lease: record.lease,
    manifestHash: hash,
    previousManifestHash: previous,
    transaction: receipt?.transactionHash,
    handedOver: true,
  }
}

/** Milliseconds until a manifest has to run that nobody said a time for. */
export function patienceOf(manifest: Manifest): number {
  return IMAGES_MS + startPatienceMs(manifest)
}

/** Waits until a worker runs the manifest of that hash. Throws `start-failed`. */
export async function untilRunning(
  read: () => Promise<{
    manifestHash?: Hex | undefined
    nextManifestHash?: Hex | undefined
    state: string
    failed?: { manifestHash: Hex; reason: string } | undefined
    services: { state: string }[]
  }>,
  hash: Hex,
  patienceMs: number,
  onStep: (text: string) => void,
): Promise<void> {
  const until = Date.now() + patienceMs
  const pauses = new GrowingPause({ firstMs: 50, longestMs: 500, factor: 1.2 })
  for (;;) {
    const report = await read()
    if (report.failed?.manifestHash === hash && report.nextManifestHash === undefined)
      throw new CloisterError('start-failed', report.failed.reason)
    if (report.manifestHash === hash && report.nextManifestHash === undefined) return
    if (Date.now() > until) throw new CloisterError('start-failed', 'It is not ready in time.')
    onStep(
      `${report.services.filter((service) => service.state === 'running').length} of ${report.services.length} containers ready`,
    )
    await pauses.wait()
  }
}
