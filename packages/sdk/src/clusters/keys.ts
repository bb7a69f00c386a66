import { mayHaveKeys } from '@cloister/chain'
import { CloisterError, hashManifest, type Manifest, type WorkerRecord } from '@cloister/core'
import type { Envelope } from '@cloister/secrets'
import { type Cloister, walletOf } from '../cloister.ts'

/**
 * Throws `no-keys` where an app doesn't let each of these manifests have its keys in the guests of all these
 * workers: each rank has a manifest of its own, so an app that allows the file alone allows none of them.
 */
export async function checkKeys(
  cloister: Cloister,
  { app }: Envelope,
  manifests: readonly Manifest[],
  workers: readonly WorkerRecord[],
): Promise<void> {
  const tenant = walletOf(cloister).account.address
  const measurements = [...new Set(workers.flatMap(({ measurement }) => measurement ?? []))]
  const allowed = await Promise.all(
    manifests.map(async (manifest) => {
      const asked = { app, tenant, manifestHash: hashManifest(manifest) }
      const each = measurements.map((measurement) => mayHaveKeys(cloister.chain, { ...asked, measurement }))
      return (await Promise.all(each)).every(Boolean)
    }),
  )
  const refused = allowed.filter((isAllowed) => !isAllowed).length
  if (refused > 0)
    throw new CloisterError(
      'no-keys',
      `The app does not let ${refused} of the ${manifests.length} leases have what is sealed to it.`,
      { hint: { do: 'allow-cluster' } },
    )
}
