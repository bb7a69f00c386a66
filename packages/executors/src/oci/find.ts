import type { RegistryCredentials } from '../executor.ts'
import { LayoutSource } from './layout.ts'
import { parseReference } from './reference.ts'
import { RegistrySource } from './registry.ts'
import type { ImageSource } from './source.ts'

/** Where a worker gets images. */
export interface ImageSettings {
  /** OCI layout folders of the provider's, asked first. */
  layouts: readonly string[]
  /** Registries with internal addresses or plain HTTP that the provider trusts, `host:port`. */
  trustedRegistries: readonly string[]
}

/** The source of an image, and what to ask it for: a layout folder that has the name, else the registry. */
export async function findImage(
  reference: string,
  credentials: RegistryCredentials | undefined,
  settings: ImageSettings,
): Promise<{ source: ImageSource; wanted: string; local: boolean }> {
  const parsed = parseReference(reference)
  for (const folder of settings.layouts) {
    const source = new LayoutSource(folder)
    const digest = await source.find(reference)
    if (digest) return { source, wanted: digest, local: true }
  }
  return {
    source: new RegistrySource(parsed, credentials, settings.trustedRegistries),
    wanted: parsed.digest ?? parsed.tag ?? 'latest',
    local: false,
  }
}
