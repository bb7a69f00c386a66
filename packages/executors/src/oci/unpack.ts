import { createHash } from 'node:crypto'
import { lstat, mkdir, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join, normalize } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { extract } from 'tar'
import { type Descriptor, type ImageSource, MAX_LAYER_BYTES, type ResolvedImage, unavailable } from './source.ts'

const WHITEOUT = '.wh.'
const OPAQUE = '.wh..wh..opq'
/** Bytes all layers may unpack to. */
const MAX_UNPACKED_BYTES = 64 * 1024 ** 3
const MAX_ENTRIES = 2_000_000

/**
 * Unpacks an image's layers, one over the other, into an empty folder (OCI image specification, "Layer Changesets").
 * Digests are checked while reading; entries can't leave the folder (node-tar refuses `..`, absolute paths and writing
 * through links). Device nodes are left out. Throws `image-unavailable`.
 */
export async function unpackImage(source: ImageSource, image: ResolvedImage, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const budget = { bytes: MAX_UNPACKED_BYTES, entries: MAX_ENTRIES }
  for (const layer of image.manifest.layers) await unpackLayer(source, layer, folder, budget)
}

async function unpackLayer(source: ImageSource, layer: Descriptor, folder: string, budget: { bytes: number; entries: number }): Promise<void> {
  if (layer.size > MAX_LAYER_BYTES) throw unavailable('a layer is too large')
  const whiteouts: string[] = []
  const written = new Set<string>()
  const untar = extract({
    cwd: folder,
    preserveOwner: process.getuid?.() === 0,
    // The process's umask would take modes away that the image asks for.
    processUmask: 0,
    strict: false,
    filter: (path, entry) => {
      const clean = normalize(`/${path}`)
      const name = basename(clean)
      budget.entries--
      if ('size' in entry) budget.bytes -= entry.size ?? 0
      if (budget.bytes < 0 || budget.entries < 0) throw unavailable('it unpacks to too much')
      if (name.startsWith(WHITEOUT)) {
        whiteouts.push(clean)
        return false
      }
      written.add(clean.replace(/\/$/, ''))
      return true
    },
  })
  const hash = createHash('sha256')
  let size = 0
  const check = new Transform({
    transform(chunk: Buffer, _, done) {
      size += chunk.length
      hash.update(chunk)
      done(size > layer.size ? unavailable('a layer is longer than stated') : null, chunk)
    },
  })
  try {
    const bytes = await source.blob(layer)
    if (/gzip/.test(layer.mediaType ?? '')) await pipeline(bytes, check, createGunzip(), untar)
    else if (/zstd/.test(layer.mediaType ?? '')) await pipeline(bytes, check, createZstdDecompress(), untar)
    else await pipeline(bytes, check, untar)
  } catch (cause) {
    throw unavailable('a layer can not be unpacked', cause)
  }
  if (`sha256:${hash.digest('hex')}` !== layer.digest) throw unavailable(`a layer does not match ${layer.digest}`)
  // Whiteouts hide what layers below brought, never what this one did.
  for (const path of whiteouts) await applyWhiteout(folder, path, written)
}

async function applyWhiteout(folder: string, path: string, written: Set<string>): Promise<void> {
  const parent = dirname(path)
  if (!(await isPlainFolder(folder, parent))) return
  const names = basename(path) === OPAQUE ? await readdir(join(folder, parent)) : [basename(path).slice(WHITEOUT.length)]
  for (const name of names) {
    if (name === '' || name === '.' || name === '..') continue
    const target = join(parent, name)
    if (!written.has(target)) await rm(join(folder, target), { recursive: true, force: true })
  }
}

/** Whether every step of `path` below `folder` is a real folder, so that nothing is removed through a link. */
async function isPlainFolder(folder: string, path: string): Promise<boolean> {
  let current = folder
  for (const part of path.split('/').filter(Boolean)) {
    current = join(current, part)
    const stat = await lstat(current).catch(() => undefined)
    if (!stat?.isDirectory()) return false
  }
  return true
}
