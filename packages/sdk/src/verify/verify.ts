import type { GatherOptions, Verified } from '@cloister/client'
import { CloisterError, toCanonicalJson } from '@cloister/core'
import type { EvidenceBundle } from '@cloister/verify'
import { isAddress } from 'viem'
import type { Cloister } from '../cloister.ts'
import { openSession } from '../leases/lease.ts'
import { type Session, sessionOf } from '../session.ts'

/**
 * Checks a worker or a lease: has the worker quote a number chosen this moment, and checks everything from
 * the hardware to the manifest. `key`: a lease's id, short id or name, the URL of one of its services, or a
 * worker's address. Throws `not-found`, `unreachable`, `no-endorsements` or `bad-evidence`; what the evidence
 * is worth is in the verdict.
 *
 * @example
 * ```ts
 * import { verify } from '@cloister/sdk'
 *
 * const { verdict } = await verify.check(cloister, 'my-app')
 * if (!verdict.genuine) throw new Error(verdict.sentence)
 * ```
 */
export async function verify(
  cloister: Cloister,
  key: string,
  options: GatherOptions = { fresh: true },
): Promise<Verified> {
  return (await sessionWith(cloister, key)).verify({}, options)
}

/**
 * The evidence of a lease or worker for an auditor, with the manifest if it is given. `key` and errors are as
 * in `check`; a manifest beside a worker is `bad-option`.
 *
 * @example
 * ```ts
 * import { verify } from '@cloister/sdk'
 *
 * const bundle = await verify.evidence(cloister, 'my-app', manifest)
 * console.log(JSON.stringify(bundle))
 * ```
 */
export async function evidence(
  cloister: Cloister,
  key: string,
  manifest?: Parameters<typeof toCanonicalJson>[0],
): Promise<EvidenceBundle> {
  const { bundle } = await verify(cloister, key, { fresh: false })
  if (manifest === undefined) return bundle
  if (!bundle.lease)
    throw new CloisterError('bad-option', 'A manifest goes with a lease, and this is a worker.')
  return { ...bundle, lease: { ...bundle.lease, manifest: toCanonicalJson(manifest) } }
}

async function sessionWith(cloister: Cloister, key: string): Promise<Session> {
  if (isAddress(key, { strict: false })) return sessionOf(cloister, await cloister.index.worker(key))
  return openSession(cloister, leaseIn(key))
}

/** The lease that a URL of a gateway names: `<lease>-<service>.<domain>`. Anything else is taken as it is. */
function leaseIn(key: string): string {
  if (!/^https?:\/\//.test(key)) return key
  const { hostname } = new URL(key)
  const label = hostname.split('.')[0] ?? ''
  const dash = label.lastIndexOf('-')
  if (/^[\d.]+$/.test(hostname) || dash <= 0)
    throw new CloisterError('not-found', `${hostname} does not name a lease.`, {
      hint: 'Give the address with the lease in it, or the lease itself.',
    })
  return label.slice(0, dash)
}
