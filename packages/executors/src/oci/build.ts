import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { blobPath, type Layer, packLayer, programsLayer } from './programs-layer.ts'

/** A small image made of files that lie on this machine. */
export interface BuildOptions {
  /** Layout folder the image is added to. */
  layout: string
  /** Its name there, such as `cloister/hello:1`. */
  name: string
  /** Programs to pack with the libraries they are linked to: path on this machine by path in the image. */
  programs: Record<string, string>
  /** Folders on this machine whose trees become layers as they are, the same for the same files. */
  trees?: string[]
  /** Files to pack: content by path in the image. */
  files: Record<string, string>
  entrypoint: string[]
  command: string[]
  env: Record<string, string>
}

/**
 * Packs programs and files into an image in an OCI layout folder, a layer for each, without any container
 * engine. The same files give the same digest. Returns the image's digest.
 */
export async function buildImage(options: BuildOptions): Promise<string> {
  const { layout } = options
  await mkdir(layout, { recursive: true })
  const layers = [
    await programsLayer(layout, options.programs),
    ...(await treeLayers(options)),
    ...(Object.keys(options.files).length > 0 ? [await filesLayer(options)] : []),
  ]
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  const config = await addJson(layout, {
    architecture,
    os: 'linux',
    config: {
      Entrypoint: options.entrypoint,
      Cmd: options.command,
      WorkingDir: '/',
      Env: Object.entries({ PATH: '/usr/bin:/bin', ...options.env }).map(([k, v]) => `${k}=${v}`),
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  })
  const manifest = await addJson(layout, {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
    layers: layers.map((layer) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer })),
  })
  await addToIndex(layout, options.name, manifest, architecture)
  return manifest.digest
}

async function treeLayers({ layout, trees = [] }: BuildOptions): Promise<Layer[]> {
  const layers: Layer[] = []
  for (const folder of trees) {
    const archive = join(layout, `.tree-${process.pid}`)
    const layer = await packLayer(archive, folder)
    await rename(archive, await blobPath(layout, layer.digest))
    layers.push(layer)
  }
  return layers
}

async function filesLayer({ layout, files }: BuildOptions): Promise<Layer> {
  const archive = join(layout, `.files-${process.pid}`)
  const root = `${archive}.root`
  await rm(root, { recursive: true, force: true })
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
  }
  const layer = await packLayer(archive, root)
  await rm(root, { recursive: true, force: true })
  await rename(archive, await blobPath(layout, layer.digest))
  return layer
}

async function addToIndex(
  layout: string,
  name: string,
  manifest: { digest: string; size: number },
  architecture: string,
): Promise<void> {
  const path = join(layout, 'index.json')
  const index = existsSync(path)
    ? JSON.parse(await readFile(path, 'utf8'))
    : { schemaVersion: 2, manifests: [] }
  const key = 'org.opencontainers.image.ref.name'
  index.manifests = index.manifests.filter(
    (m: { annotations?: Record<string, string> }) => m.annotations?.[key] !== name,
  )
  index.manifests.push({
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    ...manifest,
    platform: { os: 'linux', architecture },
    annotations: { [key]: name },
  })
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  await writeFile(path, JSON.stringify(index))
}

async function addJson(layout: string, value: unknown): Promise<{ digest: string; size: number }> {
  const bytes = Buffer.from(JSON.stringify(value))
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  await writeFile(await blobPath(layout, digest), bytes)
  return { digest, size: bytes.length }
}
