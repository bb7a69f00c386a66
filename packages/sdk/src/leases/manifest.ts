import { getLease } from '@cloister/chain'
import { throughAbsence } from '@cloister/client'
import { CloisterError, hashManifest, type Manifest } from '@cloister/core'
import type { Cloister } from '../cloister.ts'
import { openSession } from './lease.ts'

/**
 * The manifest that runs on a lease, from its worker, held against the hash that its tenant put on chain.
 * Throws `not-found` where nothing runs, and `bad-answer` where what runs isn't what the chain says: an
 * update is under way, or has failed.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { services } = await leases.manifestOf(cloister, 'my-app')
 * console.log(services['web']?.resources)
 * ```
 */
export async function manifestOf(cloister: Cloister, key: string): Promise<Manifest> {
  const session = await openSession(cloister, key)
  const { lease = '0x' } = session.about
  const [manifest, { manifestHash }] = await Promise.all([
    throughAbsence(() => session.asTenant.manifest(lease)),
    getLease(cloister.chain, lease),
  ])
  if (hashManifest(manifest) === manifestHash) return manifest
  throw new CloisterError(
    'bad-answer',
    'What runs on the lease is not the manifest whose hash is on it: an update is under way, or has failed.',
    { hint: 'Name the file that is to run.' },
  )
}
