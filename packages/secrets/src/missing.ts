import type { Manifest } from '@cloister/core'
import type { Envelope } from './envelope.ts'
import { namesIn } from './kept.ts'

/** Names of sealed secrets that a manifest takes and an envelope doesn't have. */
export function missingSecrets(manifest: Manifest, envelope: Envelope | undefined): string[] {
  const there = envelope ? namesIn(envelope) : []
  return takenSecrets(manifest).filter((name) => !there.includes(name))
}

/** Names of sealed secrets that a manifest takes. */
export function takenSecrets(manifest: Manifest): string[] {
  const services = Object.values(manifest.services)
  return [...new Set(services.flatMap(({ sealed = [] }) => sealed.map(({ name }) => name)))]
}
