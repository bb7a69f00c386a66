import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { CloisterError, messageOf } from '@cloister/core'
import * as z from 'zod'
import { ArchiveFile } from './archive-file.ts'
import { digestOf, type HeldImage, heldImage, Part } from './held.ts'
import { LayoutSource } from './layout.ts'
import { type Descriptor, type ImageSource, MAX_DOCUMENT_BYTES, resolveImage, unavailable } from './source.ts'
import { steadyConfig } from './steady-config.ts'

/** What workers run. */
const ARCHITECTURE = 'amd64'
const NAMES = ['org.opencontainers.image.ref.name', 'io.containerd.image.name']

const Index = z.object({
  manifests: z
    .array(
      z.looseObject({
        digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
        annotations: z.record(z.string(), z.string()).optional(),
      }),
    )
    .max(1000),
})

/** `manifest.json` of `docker save` (Docker image specification 1.2, "Combined Image JSON + Filesystem"). */
const DockerManifest = z
  .array(
    z.object({
      Config: z.string().max(4096),
      RepoTags: z.array(z.string()).nullish(),
      Layers: z.array(z.string().max(4096)).max(512),
    }),
  )
  .min(1)
  .max(1000)
const DockerConfig = z.looseObject({
  architecture: z.string().optional(),
  os: z.string().optional(),
  rootfs: z.object({ diff_ids: z.array(z.string()).max(512) }),
})

/**
 * Reads an image for linux/amd64 from a layout folder (OCI image specification, "Image Layout"), an archive
 * of one, or what `docker save` wrote, whatever its age. `name` chooses one of several. With `isBuilt` an
 * archive of Docker's form gives the same image for each build of the same. Throws `no-file`, `bad-file` or
 * `bad-image`.
 */
export async function readImage(
  path: string,
  name?: string,
  { isBuilt = false }: { isBuilt?: boolean } = {},
): Promise<HeldImage> {
  const there = await stat(path).catch(() => undefined)
  if (!there) throw new CloisterError('no-file', `There is no image at ${path}.`)
  if (there.isDirectory()) {
    const index = await readFile(join(path, 'index.json')).catch(() => undefined)
    if (!index)
      throw new CloisterError('bad-image', `${path} is no layout of an image: it has no index.json.`, {
        hint: 'Name a folder that `skopeo copy … oci:FOLDER` or `buildah push … oci:FOLDER` wrote.',
      })
    return readOci(path, index, name, new LayoutSource(path), async ({ digest, size }) => {
      const file = join(path, 'blobs', 'sha256', digest.slice(7))
      const found = await stat(file).catch(() => undefined)
      return found?.size === size ? new Part(digest, size, { file, offset: 0 }) : undefined
    })
  }
  const archive = await ArchiveFile.read(path)
  const index = await archive.document('index.json')
  if (index && (await archive.document('oci-layout')))
    return readOci(path, index, name, new ArchiveSource(archive), async ({ digest, size }) => {
      const part = archive.part(blobOf(digest))
      return part?.digest === digest && part.bytes === size ? part : undefined
    })
  return readDocker(archive, name, isBuilt)
}

function blobOf(digest: string): string {
  return `blobs/sha256/${digest.slice(7)}`
}

async function readOci(
  path: string,
  index: Buffer,
  name: string | undefined,
  source: ImageSource,
  partOf: (descriptor: Descriptor) => Promise<Part | undefined>,
): Promise<HeldImage> {
  const chosen = chooseManifest(path, index, name)
  try {
    const first: ImageSource = {
      document: async (reference) =>
        reference === 'index' ? { bytes: chosen, digest: digestOf(chosen) } : source.document(reference),
      blob: (descriptor, from, signal) => source.blob(descriptor, from, signal),
    }
    const { digest, manifest } = await resolveImage(first, 'index', { architecture: ARCHITECTURE })
    const { bytes } = await source.document(digest)
    const parts: Part[] = [Part.of(bytes)]
    for (const descriptor of [manifest.config, ...manifest.layers]) {
      const part = await partOf(descriptor)
      if (!part) throw unavailable(`its part ${descriptor.digest} is not in it`)
      parts.push(part)
    }
    return heldImage(digest, parts)
  } catch (cause) {
    throw badImage(path, cause)
  }
}

/** The index with the entries of one image. */
function chooseManifest(path: string, bytes: Buffer, name: string | undefined): Buffer {
  const index = Index.safeParse(parseJson(bytes))
  if (!index.success) throw new CloisterError('bad-image', `${path}: its index.json is malformed.`)
  const { manifests } = index.data
  const namesOf = ({ annotations = {} }: (typeof manifests)[number]) =>
    NAMES.flatMap((key) => annotations[key] ?? [])
  const all = [...new Set(manifests.map((entry) => namesOf(entry)[0] ?? ''))]
  if (name === undefined) {
    if (all.length > 1)
      throw new CloisterError('bad-image', `${path} holds several images.`, {
        hint: `Name one of them after a colon: ${all.slice(0, 10).join(', ')}.`,
      })
    return bytes
  }
  const found = manifests.filter((entry) =>
    namesOf(entry).some((one) => one === name || one.endsWith(`/${name}`) || one.endsWith(`:${name}`)),
  )
  if (found.length === 0)
    throw new CloisterError('bad-image', `${path} holds no image called ${name}.`, {
      hint: `It holds ${
        all
          .filter((one) => one !== '')
          .slice(0, 10)
          .join(', ') || 'one without a name'
      }.`,
    })
  return Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: found }))
}

/** Makes a manifest for what `docker save` wrote without one. The same archive gives the same manifest. */
async function readDocker(
  archive: ArchiveFile,
  name: string | undefined,
  isBuilt: boolean,
): Promise<HeldImage> {
  const { path } = archive
  const wrong = (why: string) =>
    new CloisterError('bad-image', `${path} holds no image that can be sent: ${why}.`)
  const bytes = await archive.document('manifest.json')
  if (!bytes) throw wrong('it has neither an index.json nor a manifest.json')
  const listed = DockerManifest.safeParse(parseJson(bytes))
  if (!listed.success) throw wrong('its manifest.json is malformed')
  const tags = listed.data.map(({ RepoTags }) => RepoTags ?? [])
  const found = listed.data.filter(
    (_, index) =>
      name === undefined ||
      tags[index]?.some((tag) => tag === name || tag === `${name}:latest` || tag.endsWith(`/${name}`)),
  )
  const [image, another] = found
  if (!image || another)
    throw new CloisterError(
      'bad-image',
      image ? `${path} holds several images.` : `${path} holds no image called ${name}.`,
      { hint: `It holds ${tags.flat().slice(0, 10).join(', ') || 'images without a name'}.` },
    )
  const configBytes = await archive.document(image.Config)
  const config = configBytes && isBuilt ? Part.of(steadyConfig(configBytes)) : archive.part(image.Config)
  const described = DockerConfig.safeParse(configBytes && parseJson(configBytes))
  if (!config || !configBytes || !described.success) throw wrong('its configuration is malformed')
  const { os = 'linux', architecture = ARCHITECTURE, rootfs } = described.data
  if (os !== 'linux' || architecture !== ARCHITECTURE)
    throw wrong(`it is made for ${os}/${architecture}, and workers are linux/${ARCHITECTURE}`)
  if (rootfs.diff_ids.length !== image.Layers.length)
    throw wrong('its layers are not those of its configuration')
  const layers: { part: Part; mediaType: string }[] = []
  for (const [index, layer] of image.Layers.entries()) {
    const part = archive.part(layer)
    if (!part) throw wrong(`its layer ${layer} is not in it`)
    const isPacked = await isGzip(part)
    if (!isPacked && part.digest !== rootfs.diff_ids[index]) throw wrong(`its layer ${layer} is damaged`)
    layers.push({ part, mediaType: `application/vnd.oci.image.layer.v1.tar${isPacked ? '+gzip' : ''}` })
  }
  const manifest = Part.of(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        config: {
          mediaType: 'application/vnd.oci.image.config.v1+json',
          digest: config.digest,
          size: config.bytes,
        },
        layers: layers.map(({ part, mediaType }) => ({ mediaType, digest: part.digest, size: part.bytes })),
      }),
    ),
  )
  return heldImage(manifest.digest, [manifest, config, ...layers.map(({ part }) => part)])
}

async function isGzip(part: Part): Promise<boolean> {
  if ('content' in part.place || part.bytes < 2) return false
  const { file, offset } = part.place
  for await (const head of createReadStream(file, { start: offset, end: offset + 1 }))
    return (head as Buffer)[0] === 0x1f && (head as Buffer)[1] === 0x8b
  return false
}

function badImage(path: string, cause: unknown): CloisterError {
  const why = messageOf(cause).replace(/^The image can't be had: /, '')
  return new CloisterError(
    'bad-image',
    `${path} holds no image that can be sent: ${why.replace(/\.$/, '')}.`,
    {
      cause,
    },
  )
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

/** An archive of a layout. */
class ArchiveSource implements ImageSource {
  private readonly archive: ArchiveFile

  constructor(archive: ArchiveFile) {
    this.archive = archive
  }

  async document(digest: string): Promise<{ bytes: Buffer; digest: string }> {
    const part = this.archive.part(blobOf(digest))
    const bytes = part?.digest === digest ? await this.archive.document(blobOf(digest)) : undefined
    if (!bytes) throw unavailable(`the layout lacks ${digest}`, { reason: 'not-found' })
    return { bytes, digest }
  }

  async blob({ digest }: Descriptor): Promise<Readable> {
    const { bytes } = await this.document(digest)
    if (bytes.length > MAX_DOCUMENT_BYTES) throw unavailable('a document of the image is too large')
    return Readable.from([bytes])
  }
}
