import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { cp, link, mkdir, readFile, realpath, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { create } from 'tar'

/** A small image made of files that lie on this machine. */
export interface BuildOptions {
  /** Layout folder the image is added to. */
  layout: string
  /** Its name there, such as `cloister/hello:1`. */
  name: string
  /** Programs to pack with the libraries they are linked to: path on this machine by path in the image. */
  programs: Record<string, string>
  /** Files to pack: content by path in the image. */
  files: Record<string, string>
  entrypoint: string[]
  command: string[]
  env: Record<string, string>
}

/**
 * Packs programs and files into a one-layer image in an OCI layout folder, without any container engine. The same files
 * give the same digest. Returns the image's digest.
 */
export async function buildImage(options: BuildOptions): Promise<string> {
  const root = join(options.layout, `.build-${process.pid}`)
  await rm(root, { recursive: true, force: true })
  for (const folder of ['tmp', 'proc', 'dev', 'sys', 'etc', 'bin', 'run', 'usr/bin']) await mkdir(join(root, folder), { recursive: true })
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\napp:x:1000:1000:app:/:/bin/sh\n')
  await writeFile(join(root, 'etc/group'), 'root:x:0:\napp:x:1000:\n')
  await symlink('tmp', join(root, 'var')).catch(() => {})
  for (const [target, from] of Object.entries(options.programs)) {
    await copyInto(root, target, from)
    for (const library of librariesOf(from)) await copyInto(root, library, library)
  }
  for (const [path, content] of Object.entries(options.files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
  }
  const layerPath = join(options.layout, `.layer-${process.pid}.tar`)
  await create({ file: layerPath, cwd: root, portable: true, mtime: new Date(0) }, ['.'])
  await rm(root, { recursive: true, force: true })

  const layer = await addFile(options.layout, layerPath)
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  const config = await addJson(options.layout, {
    architecture,
    os: 'linux',
    config: {
      Entrypoint: options.entrypoint,
      Cmd: options.command,
      WorkingDir: '/',
      Env: Object.entries({ PATH: '/usr/bin:/bin', ...options.env }).map(([k, v]) => `${k}=${v}`),
    },
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  })
  const manifest = await addJson(options.layout, {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer }],
  })
  await addToIndex(options.layout, options.name, manifest, architecture)
  return manifest.digest
}

async function addToIndex(layout: string, name: string, manifest: { digest: string; size: number }, architecture: string): Promise<void> {
  const path = join(layout, 'index.json')
  const index = existsSync(path) ? JSON.parse(await readFile(path, 'utf8')) : { schemaVersion: 2, manifests: [] }
  const key = 'org.opencontainers.image.ref.name'
  index.manifests = index.manifests.filter((m: { annotations?: Record<string, string> }) => m.annotations?.[key] !== name)
  index.manifests.push({
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    ...manifest,
    platform: { os: 'linux', architecture },
    annotations: { [key]: name },
  })
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  await writeFile(path, JSON.stringify(index))
}

async function addJson(layout: string, value: unknown) {
  return addBlob(layout, Buffer.from(JSON.stringify(value)))
}

async function addBlob(layout: string, bytes: Buffer): Promise<{ digest: string; size: number }> {
  const hex = createHash('sha256').update(bytes).digest('hex')
  await mkdir(join(layout, 'blobs/sha256'), { recursive: true })
  await writeFile(join(layout, 'blobs/sha256', hex), bytes)
  return { digest: `sha256:${hex}`, size: bytes.length }
}

/** Makes a file that is there already a blob, without reading it into memory. */
async function addFile(layout: string, path: string) {
  const digest = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) digest.update(chunk)
  const hex = digest.digest('hex')
  const { size } = await stat(path)
  await mkdir(join(layout, 'blobs/sha256'), { recursive: true })
  await rename(path, join(layout, 'blobs/sha256', hex))
  return { digest: `sha256:${hex}`, size }
}

/** Another name of the file where the file system and the user may have one, since it is only read; a copy elsewhere. */
async function copyInto(root: string, target: string, from: string): Promise<void> {
  const path = join(root, target)
  if (existsSync(path)) return
  await mkdir(dirname(path), { recursive: true })
  const real = await realpath(from)
  await link(real, path).catch(() => cp(real, path))
}

/** Shared libraries a program needs, by the dynamic linker's own account; none for a static program. */
function librariesOf(program: string): string[] {
  try {
    const text = execFileSync('ldd', [program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return [...text.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1] ?? '')
  } catch {
    return []
  }
}
