import { parseImageReference } from '@cloister/core'
import type { RegistryCredentials } from '../executor.ts'
import type { UnpackLimits } from './image-root.ts'
import { LayoutSource } from './layout.ts'
import { RegistrySource } from './registry.ts'
import type { ImageSource } from './source.ts'

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

/** A source, what to ask it for, whether it is of this machine, and what ends its connections. */
interface FoundImage {
  source: ImageSource
  /** Names the source: a layout folder, or a repository of a registry. */
  place: string
  wanted: string
  local: boolean
  close(): void
}

/** The source of an image, and what to ask it for: a layout folder that has the name, else the registry. */
export async function findImage(
  reference: string,
  credentials: RegistryCredentials | undefined,
  settings: ImageSettings,
): Promise<FoundImage> {
  const parsed = parseImageReference(reference)
  for (const folder of settings.layouts) {
    const source = new LayoutSource(folder)
    const digest = await source.find(reference)
    if (digest) return { source, place: folder, wanted: digest, local: true, close: () => {} }
  }
  const source = new RegistrySource(parsed, credentials, settings.trustedRegistries, settings.silenceMs)
  const place = `${parsed.host}/${parsed.repository}`
  return {
    source,
    place,
    wanted: parsed.digest ?? parsed.tag ?? 'latest',
    local: false,
    close: () => source.close(),
  }
}
