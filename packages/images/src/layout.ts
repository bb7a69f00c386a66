import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import * as z from 'zod'
import { checkDigest, type Descriptor, type ImageSource, unavailable } from './source.ts'

const LayoutIndex = z.object({
  manifests: z.array(
    z.object({
      digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
      annotations: z.record(z.string(), z.string()).optional(),
    }),
  ),
})

const NAME = 'org.opencontainers.image.ref.name'

/**
 * An OCI image layout folder (OCI image specification, "Image Layout"); images are named by
 * `…image.ref.name`.
 */
export class LayoutSource implements ImageSource {
  private readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  /** Digest of the image of that name, or undefined. */
  async find(name: string): Promise<string | undefined> {
    const text = await readFile(join(this.folder, 'index.json'), 'utf8').catch(() => undefined)
    if (text === undefined) return undefined
    const index = LayoutIndex.parse(JSON.parse(text))
    const [bare, digest] = name.split('@')
    return index.manifests.find(
      (m) => (digest === undefined || m.digest === digest) && m.annotations?.[NAME] === bare,
    )?.digest
  }

  async document(digest: string): Promise<{ bytes: Buffer; digest: string }> {
    const bytes = await readFile(this.path(digest)).catch((cause) => {
      throw unavailable(`the layout lacks ${digest}`, { reason: 'not-found', cause })
    })
    checkDigest(bytes, digest)
    return { bytes, digest }
  }

  async blob(descriptor: Descriptor, from = 0): Promise<Readable> {
    return createReadStream(this.path(descriptor.digest), { start: from })
  }

  fileOf(descriptor: Descriptor): string {
    return this.path(descriptor.digest)
  }

  private path(digest: string): string {
    return join(this.folder, 'blobs', ...digest.split(':'))
  }
}
