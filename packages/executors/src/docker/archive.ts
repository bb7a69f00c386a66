import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { type ImageSource, MAX_LAYER_BYTES, type ResolvedImage, unavailable } from '@cloister/images'
import { Header } from 'tar'

/**
 * Writes an image as a `docker load` archive (Docker image specification 1.2), checking every digest on the
 * way.
 */
export async function archiveImage(
  source: ImageSource,
  image: ResolvedImage,
  tag: string,
  out: Writable,
  signal?: AbortSignal,
): Promise<void> {
  const configName = `${image.manifest.config.digest.slice(7)}.json`
  const layers = image.manifest.layers.map((layer) => ({ layer, name: `${layer.digest.slice(7)}/layer.tar` }))
  try {
    await writeEntry(out, configName, image.configBytes.length, [image.configBytes])
    const written = new Set<string>()
    for (const { layer, name } of layers) {
      if (written.has(name)) continue
      written.add(name)
      if (layer.size > MAX_LAYER_BYTES) throw unavailable('a layer is too large')
      const hash = createHash('sha256')
      const bytes = await source.blob(layer, 0, signal)
      await writeEntry(out, name, layer.size, hashing(bytes, hash))
      if (`sha256:${hash.digest('hex')}` !== layer.digest)
        throw unavailable(`a layer does not match ${layer.digest}`)
    }
    const manifest = Buffer.from(
      JSON.stringify([{ Config: configName, RepoTags: [tag], Layers: layers.map((l) => l.name) }]),
    )
    await writeEntry(out, 'manifest.json', manifest.length, [manifest])
    out.end(Buffer.alloc(1024))
  } catch (error) {
    out.destroy(error instanceof Error ? error : new Error(String(error)))
    throw error
  }
}

async function* hashing(bytes: AsyncIterable<Buffer>, hash: { update(chunk: Buffer): unknown }) {
  for await (const chunk of bytes) {
    hash.update(chunk)
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
