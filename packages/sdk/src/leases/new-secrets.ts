import { CloisterError, type Manifest } from '@cloister/core'
import { type Envelope, missingSecrets } from '@cloister/secrets'

/**
 * New sealed secrets take the place of all that a lease has: nobody but its worker could put two envelopes
 * together. Throws `secrets-missing` where the manifest takes others as well, which would be lost. Without
 * new ones those before stay.
 */
export function checkNewSecrets(manifest: Manifest, envelope: Envelope | undefined): void {
  if (!envelope) return
  const missing = missingSecrets(manifest, envelope)
  if (missing.length === 0) return
  throw new CloisterError(
    'secrets-missing',
    `New sealed secrets replace all that the lease has, and ${missing.join(', ')} would be gone, which the file takes.`,
    { hint: 'Give all of them at once, those that stay as they are among them.', details: { missing } },
  )
}
