import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Image, RegistryCredentials } from '../executor.ts'
import { findImage, type ImageSettings } from '../oci/find.ts'
import { describeImage } from '../oci/image.ts'
import { resolveImage } from '../oci/source.ts'
import { unpackImage } from '../oci/unpack.ts'

/** Unpacked images by digest. Several processes may share one folder: an image appears whole or not at all. */
export class ImageStore {
  private readonly folder: string
  private readonly settings: ImageSettings
  private readonly running = new Map<string, Promise<void>>()

  constructor(folder: string, settings: ImageSettings) {
    this.folder = folder
    this.settings = settings
  }

  async pull(reference: string, credentials: RegistryCredentials | undefined): Promise<Image> {
    const { source, wanted } = await findImage(reference, credentials, this.settings)
    const resolved = await resolveImage(source, wanted)
    const image = describeImage(reference, resolved.digest, resolved.config)
    const target = this.rootOf(image.digest)
    if (!existsSync(target)) {
      let unpacking = this.running.get(image.digest)
      if (!unpacking) {
        unpacking = (async () => {
          const temporary = `${target}.${process.pid}`
          await rm(temporary, { recursive: true, force: true })
          await mkdir(this.folder, { recursive: true, mode: 0o711 })
          try {
            await unpackImage(source, resolved, temporary)
            await rename(temporary, target).catch((error) => {
              // Another process was faster.
              if (!existsSync(target)) throw error
            })
          } finally {
            await rm(temporary, { recursive: true, force: true })
          }
        })()
        this.running.set(image.digest, unpacking)
      }
      try {
        await unpacking
      } finally {
        this.running.delete(image.digest)
      }
    }
    await writeFile(`${target}.json`, JSON.stringify(image))
    return image
  }

  /** The unpacked root of an image. */
  rootOf(digest: string): string {
    return join(this.folder, digest.replace(':', '-'))
  }
}
