import { createReadStream } from 'node:fs'
import { lstat, readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import {
  checkDigest,
  type Descriptor,
  type ImageSource,
  MAX_DOCUMENT_BYTES,
  type ResolvedImage,
  resolveImage,
  unavailable,
} from '@cloister/images'

/**
 * Kinds of configurations and layers that are images' (OCI image specification 1.1, "Media Types"; Docker
 * image manifest version 2, schema 2). Layers that are kept elsewhere or encrypted are none of them; what is
 * something else than it says, or says nothing, is told where it is read.
 */
const CONFIGURATIONS = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
])
const LAYERS = new Set([
  'application/vnd.oci.image.layer.v1.tar',
  'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.oci.image.layer.v1.tar+zstd',
  'application/vnd.docker.image.rootfs.diff.tar',
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd',
])

/**
 * What one tenant has sent, as a layout folder (OCI image specification, "Image Layout") without an index:
 * images are named by their digest. A stranger chose what is in it, so nothing is read but plain files in
 * their very place, and an image that isn't there whole is none, also where another tenant's is unpacked
 * already.
 */
export class SentSource implements ImageSource {
  private readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  async document(digest: string): Promise<{ bytes: Buffer; digest: string }> {
    const size = await this.sizeOf(digest)
    if (size > MAX_DOCUMENT_BYTES) throw unavailable('a document of the image is too large')
    const bytes = await readFile(this.path(digest))
    checkDigest(bytes, digest)
    return { bytes, digest }
  }

  async blob({ digest, size }: Descriptor, from = 0): Promise<Readable> {
    if ((await this.sizeOf(digest)) !== size)
      throw unavailable(`${digest} is not as long as it is said to be`)
    return createReadStream(this.path(digest), { start: from, highWaterMark: 256 * 1024 })
  }

  fileOf({ digest }: Descriptor): string {
    return this.path(digest)
  }

  /** Throws `image-unavailable` unless an image is one that runs, and all of its layers are here. */
  async check({ manifest: { config, layers } }: ResolvedImage): Promise<void> {
    const kinds: [Descriptor, Set<string>][] = [
      [config, CONFIGURATIONS],
      ...layers.map((layer): [Descriptor, Set<string>] => [layer, LAYERS]),
    ]
    for (const [{ mediaType }, known] of kinds)
      if (mediaType !== undefined && !known.has(mediaType))
        throw unavailable(`a part of it is ${JSON.stringify(mediaType)}, which no image has`)
    for (const { digest, size } of layers)
      if ((await this.sizeOf(digest)) !== size)
        throw unavailable(`${digest} is not as long as it is said to be`)
  }

  /** Bytes of a blob, which is a plain file that no link leads to. */
  private async sizeOf(digest: string): Promise<number> {
    const path = this.path(digest)
    const stat = await lstat(path).catch((cause) => {
      throw unavailable(`its part ${digest} was not sent`, { reason: 'not-found', cause })
    })
    if (!stat.isFile() || (await realpath(path)) !== join(await realpath(this.folder), ...placeOf(digest)))
      throw unavailable(`its part ${digest} is no plain file`)
    return stat.size
  }

  private path(digest: string): string {
    return join(this.folder, ...placeOf(digest))
  }
}

/**
 * Digests of all that this machine takes for an image of what a tenant has sent: indexes, manifest,
 * configuration and layers, all of which are there. Throws `image-unavailable` naming what isn't.
 */
export async function sentImageParts(folder: string, digest: string): Promise<string[]> {
  const source = new SentSource(folder)
  const read = new Set<string>()
  const noting: ImageSource = {
    document: (wanted) => {
      read.add(wanted)
      return source.document(wanted)
    },
    blob: (descriptor, from) => source.blob(descriptor, from),
    check: (image) => source.check(image),
  }
  const { manifest } = await resolveImage(noting, digest)
  return [...new Set([...read, manifest.config.digest, ...manifest.layers.map((layer) => layer.digest)])]
}

function placeOf(digest: string): string[] {
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw unavailable('it is named by no SHA-256 digest')
  return ['blobs', ...digest.split(':')]
}
