import type { Manifest } from '@cloister/core'
import type { Envelope } from './envelope.ts'

/** Names of sealed secrets that a manifest takes and an envelope doesn't have. */
export function missingSecrets(manifest: Manifest, envelope: Envelope | undefined): string[] {
  const wanted = new Set(
    Object.values(manifest.services).flatMap((service) => (service.sealed ?? []).map(({ name }) => name)),
  )
  return [...wanted].filter((name) => !envelope?.names.includes(name))
}
