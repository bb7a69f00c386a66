import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { type ImageSource, MAX_LAYER_BYTES, type ResolvedImage, unavailable } from '@cloister/images'
import { Header } from 'tar'
import { LayerPackingError, type Packing, packingOf, unpackedLayer } from '../oci/packing.ts'
import { UNPACK_LIMITS } from '../oci/unpack.ts'

/** How an image is archived. */
interface ArchiveOptions {
  /** The archive's name for it. */
  tag: string
  /** Bytes that all its layers may unpack to. */
  mostBytes?: number
  /** Told, often, how many bytes of its layers were read. */
  progress?: (bytes: number) => void
  signal?: AbortSignal
}

/**
 * Writes an image as a `docker load` archive (Docker image specification 1.2), checking every digest on the
 * way. Layers are as they came but for those packed with zstd, which engines before Docker 23 don't read.
 * Throws `image-unavailable`.
 */
export async function archiveImage(
  source: ImageSource,
  image: ResolvedImage,
  out: Writable,
  { tag, mostBytes = UNPACK_LIMITS.bytes, progress = () => {}, signal }: ArchiveOptions,
): Promise<void> {
  const configName = `${image.manifest.config.digest.slice(7)}.json`
  const layers = image.manifest.layers.map((layer) => ({ layer, name: `${layer.digest.slice(7)}/layer.tar` }))
  try {
    await writeEntry(out, configName, image.configBytes.length, [image.configBytes])
    const written = new Set<string>()
    const left = { bytes: mostBytes }
    let done = 0
    for (const { layer, name } of layers) {
      if (written.has(name)) continue
      written.add(name)
      if (layer.size > MAX_LAYER_BYTES) throw unavailable('a layer is too large')
      const hash = createHash('sha256')
      const read = (chunk: Buffer) => {
        hash.update(chunk)
        done += chunk.length
        progress(done)
      }
      const bytes = seeing(await source.blob(layer, 0, signal), read)
      const file = source.fileOf?.(layer)
      const unpacked = file === undefined ? undefined : await measure(file, left, signal)
      const { content, size } =
        file !== undefined && unpacked?.packing === 'zstd'
          ? { content: await unpackedLayer(file, bytes), size: unpacked.bytes }
          : { content: bytes, size: layer.size }
      await writeEntry(out, name, size, content)
      if (`sha256:${hash.digest('hex')}` !== layer.digest)
        throw unavailable(`a layer does not match ${layer.digest}`)
    }
    const manifest = Buffer.from(
      JSON.stringify([{ Config: configName, RepoTags: [tag], Layers: layers.map((l) => l.name) }]),
    )
    await writeEntry(out, 'manifest.json', manifest.length, [manifest])
    out.end(Buffer.alloc(1024))
  } catch (caught) {
    const error =
      caught instanceof LayerPackingError ? unavailable(caught.message, { cause: caught }) : caught
    out.destroy(error instanceof Error ? error : new Error(String(error)))
    throw error
  }
}

/**
 * How a layer is packed, and how many bytes it unpacks to, which are taken off what is left: the engine
 * would unpack a bomb to its end.
 */
async function measure(
  file: string,
  left: { bytes: number },
  signal: AbortSignal | undefined,
): Promise<{ packing: Packing; bytes: number }> {
  const packing = await packingOf(file)
  let bytes = 0
  const options = { highWaterMark: 1024 * 1024, ...(signal && { signal }) }
  if (packing === 'none') bytes = (await stat(file)).size
  else
    for await (const chunk of await unpackedLayer(file, createReadStream(file, options))) {
      bytes += chunk.length
      if (bytes > left.bytes) break
    }
  left.bytes -= bytes
  if (left.bytes < 0) throw unavailable('it unpacks to too much')
  return { packing, bytes }
}

async function* seeing(bytes: AsyncIterable<Buffer>, see: (chunk: Buffer) => void): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    see(chunk)
    yield chunk
  }
}

async function writeEntry(
  out: Writable,
  path: string,
  size: number,
  content: AsyncIterable<Buffer> | Iterable<Buffer>,
): Promise<void> {
  const block = Buffer.alloc(512)
  new Header({ path, size, mode: 0o644, type: 'File', mtime: new Date(0), uid: 0, gid: 0 }).encode(block, 0)
  await write(out, block)
  let written = 0
  for await (const chunk of content) {
    written += chunk.length
    if (written > size) throw unavailable('a layer is longer than stated')
    await write(out, chunk)
  }
  if (written !== size) throw unavailable('a layer is shorter than stated')
  if (size % 512 !== 0) await write(out, Buffer.alloc(512 - (size % 512)))
}

async function write(out: Writable, chunk: Buffer): Promise<void> {
  if (!out.write(chunk)) await once(out, 'drain')
}
