import { parseImageReference, SENT_HOST } from '@cloister/core'
import { type ImageSource, LayoutSource, unavailable } from '@cloister/images'
import type { PullOptions } from '../executor.ts'
import type { UnpackLimits } from './image-root.ts'
import { RegistrySource } from './registry.ts'
import { SentSource } from './sent.ts'

/** How long a pull may take in all, waiting for its turn included. */
export const PULL_MS = 6 * 3_600_000

/** Where a worker gets images. */
export interface ImageSettings {
  /** OCI layout folders of the provider's, asked first. */
  layouts: readonly string[]
  /**
   * Registries with internal addresses that the provider trusts: `host:port`, which is spoken to by plain
   * HTTP, or `https://host:port`.
   */
  trustedRegistries: readonly string[]
  /** Milliseconds a registry may be silent. */
  silenceMs?: number
  /** Milliseconds that a whole document of an image, unpacking an image, and all of a pull may take. */
  documentMs?: number
  unpackMs?: number
  pullMs?: number
  /** What an image may unpack to. */
  limits?: UnpackLimits
}

/** A source, what to ask it for, and what ends its connections. */
interface FoundImage {
  source: ImageSource
  /** Names the source: a layout folder, or a repository of a registry. */
  place: string
  wanted: string
  /** It is the provider's own. */
  isOwn: boolean
  close(): void
}

/**
 * The source of an image, and what to ask it for: what the tenant has sent, a layout folder that has the
 * name, else the registry. Throws `image-unavailable`.
 */
export async function findImage(
  reference: string,
  { credentials, sent }: Pick<PullOptions, 'credentials' | 'sent'>,
  settings: ImageSettings,
): Promise<FoundImage> {
  const parsed = parseImageReference(reference)
  if (parsed.host === SENT_HOST) {
    if (sent === undefined || parsed.digest === undefined)
      throw unavailable('its tenant has not sent it', { reason: 'not-found' })
    const source = new SentSource(sent)
    return { source, place: sent, wanted: parsed.digest, isOwn: false, close: () => {} }
  }
  for (const folder of settings.layouts) {
    const source = new LayoutSource(folder)
    const digest = await source.find(reference)
    if (digest) return { source, place: folder, wanted: digest, isOwn: true, close: () => {} }
  }
  const source = new RegistrySource(parsed, credentials, settings.trustedRegistries, settings.silenceMs)
  const place = `${parsed.host}/${parsed.repository}`
  return {
    source,
    place,
    wanted: parsed.digest ?? parsed.tag ?? 'latest',
    isOwn: false,
    close: () => source.close(),
  }
}
