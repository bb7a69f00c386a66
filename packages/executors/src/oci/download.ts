import { createHash } from 'node:crypto'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { type Descriptor, type ImageSource, MAX_LAYER_BYTES, readBlocks, unavailable } from '@cloister/images'

/** Layers that come at once. */
const MAX_AT_ONCE = 3
/** Times that a transfer which breaks off is taken up again where it stopped. */
const MAX_RESUMES = 5

/** Bytes that come for an image's layers. Throws `image-unavailable` where they are too many. */
export function downloadBytes(layers: readonly Descriptor[]): number {
  const total = distinctOf(layers).reduce((sum, { size }) => sum + size, 0)
  if (total > MAX_LAYER_BYTES) throw unavailable('its layers are too large')
  return total
}

function distinctOf(layers: readonly Descriptor[]): Descriptor[] {
  return [...new Map(layers.map((layer) => [layer.digest, layer])).values()]
}

/**
 * Brings an image's layers onto this machine and checks their digests, before anything looks into them.
 * Returns a file for each, in order. Those of a source on this machine are read where they lie. Whoever
 * calls has set the disk aside. Throws `image-unavailable`.
 */
export async function fetchLayers(
  source: ImageSource,
  layers: readonly Descriptor[],
  folder: string,
  progress: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<string[]> {
  const distinct = distinctOf(layers)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const files = new Map<string, string>()
  let done = 0
  const count = (bytes: number) => {
    done += bytes
    progress(done)
  }
  const failed = new AbortController()
  const stop = AbortSignal.any([failed.signal, ...(signal ? [signal] : [])])
  const pending = [...distinct]
  const work = async () => {
    for (let layer = pending.shift(); layer; layer = pending.shift()) {
      const file = source.fileOf?.(layer) ?? join(folder, layer.digest.slice(7))
      if (source.fileOf) await checkFile(file, layer, count)
      else await fetchLayer(source, layer, file, count, stop)
      files.set(layer.digest, file)
    }
  }
  // All have ended before this does, so that nobody writes into a folder that is being removed.
  const outcomes = await Promise.allSettled(
    Array.from({ length: MAX_AT_ONCE }, () =>
      work().catch((error) => {
        failed.abort()
        throw error
      }),
    ),
  )
  const failures = outcomes
    .filter((outcome) => outcome.status === 'rejected')
    .map(({ reason }) => reason as unknown)
  signal?.throwIfAborted()
  if (failures.length > 0) throw failures[0]
  return layers.map(({ digest }) => files.get(digest) ?? '')
}

async function fetchLayer(
  source: ImageSource,
  layer: Descriptor,
  path: string,
  count: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const file = await open(path, 'w', 0o600)
  const hash = createHash('sha256')
  let size = 0
  try {
    for (let resumes = 0; size < layer.size || resumes === 0; resumes++) {
      try {
        for await (const chunk of (await source.blob(layer, size, signal)) as AsyncIterable<Buffer>) {
          if (size + chunk.length > layer.size) throw unavailable('a layer is longer than stated')
          await file.writeFile(chunk)
          hash.update(chunk)
          size += chunk.length
          count(chunk.length)
        }
        if (size < layer.size) throw unavailable('a layer is shorter than stated', { reason: 'unreachable' })
      } catch (error) {
        const mayResume =
          (error as { details?: { reason?: unknown } }).details?.reason === 'unreachable' && size > 0
        if (!mayResume || resumes >= MAX_RESUMES || signal.aborted) throw error
      }
    }
  } finally {
    await file.close()
  }
  if (`sha256:${hash.digest('hex')}` !== layer.digest)
    throw unavailable(`a layer does not match ${layer.digest}`)
}

async function checkFile(path: string, layer: Descriptor, count: (bytes: number) => void): Promise<void> {
  const hash = createHash('sha256')
  let size = 0
  try {
    for await (const block of readBlocks(path)) {
      hash.update(block)
      size += block.length
      count(block.length)
    }
  } catch (cause) {
    throw unavailable(`the layout lacks ${layer.digest}`, { reason: 'not-found', cause })
  }
  if (size !== layer.size || `sha256:${hash.digest('hex')}` !== layer.digest)
    throw unavailable(`a layer does not match ${layer.digest}`)
}
