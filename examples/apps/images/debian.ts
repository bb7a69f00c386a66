import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileDigest, run } from './programs.ts'

/** An image that is made of Debian's packages, with what they depend on. */
export interface DebianImage {
  packages: string[]
  /** What they depend on and the app needs not. */
  without?: string[]
  /** Content by path in the image. Those in a `bin` folder are programs. */
  files?: Record<string, string>
  command: string[]
  env?: Record<string, string>
  stopSignal?: string
}

/** Where images are made: packages are downloaded once, and images are layout folders. */
export interface ImageFolders {
  cache: string
  layouts: string
}

interface Layer {
  digest: string
  size: number
  /** Of its packages and files. */
  key: string
}

/** What every image has below its own packages. */
const BASE = [
  'base-files',
  'bash',
  'coreutils',
  'dash',
  'findutils',
  'grep',
  'libc-bin',
  'netbase',
  'sed',
  'util-linux',
]
const USERS = ['postgres', 'redis', 'mysql', 'mosquitto', 'memcache', 'prometheus', 'www-data', 'app']
const UNREAD = ['usr/share/doc', 'usr/share/man', 'usr/share/info', 'usr/share/locale', 'usr/share/lintian']
/** Debian's own, where the machine knows packages of the same name from elsewhere. */
const RELEASE = ['-o', 'APT::Default-Release=bookworm', '-o', 'APT::Sandbox::User=root']

/**
 * Makes a layout folder of an image: one layer of what all images have, one of the image's own. It runs no
 * script of a package. What was made before of the same is taken; remove the folder for newer packages.
 */
export async function makeImage(name: string, image: DebianImage, folders: ImageFolders): Promise<string> {
  const layout = join(folders.layouts, name)
  const state = JSON.stringify([2, BASE, baseFiles(), image])
  // Apt takes its time to find out that nothing has changed.
  const mark = join(layout, 'made-of.json')
  if ((await readFile(mark, 'utf8').catch(() => '')) === state) return layout
  const base = await layerOf(folders, BASE, [], baseFiles(), {})
  const own = await layerOf(folders, image.packages, image.without ?? [], image.files ?? {}, {
    less: new Set(await closureOf(folders, BASE)),
  })
  await writeLayout(layout, folders, image, [base, own])
  await writeFile(mark, state)
  return layout
}

/** What was found for packages already, since apt takes its time. */
const closures = new Map<string, Promise<string[]>>()

async function closureOf(
  folders: ImageFolders,
  packages: string[],
  without: readonly string[] = [],
): Promise<string[]> {
  const key = packages.join(' ')
  const known = closures.get(key) ?? findClosure(folders, packages)
  closures.set(key, known)
  return (await known).filter((file) => !without.includes(file.split('_', 1)[0] ?? ''))
}

/** Archives of packages and all that they depend on, as apt finds it for a machine that has nothing. */
async function findClosure({ cache }: ImageFolders, packages: string[]): Promise<string[]> {
  const [status, nothing, archives] = [join(cache, 'status'), join(cache, 'nothing'), join(cache, 'archives')]
  for (const folder of [nothing, archives]) await mkdir(join(folder, 'partial'), { recursive: true })
  if (!existsSync(status)) await writeFile(status, '')
  const install = (folder: string, ...words: string[]) =>
    run('apt-get', [
      ...RELEASE,
      '-o',
      `Dir::State::status=${status}`,
      '-o',
      `Dir::Cache::archives=${folder}`,
      '--yes',
      '--no-install-recommends',
      ...words,
      'install',
      ...packages,
    ])
  const listed = await install(nothing, '--print-uris')
  const names = [...listed.matchAll(/^'[^']+' (\S+) \d+/gm)].map((match) => match[1] ?? '')
  if (names.some((file) => !existsSync(join(archives, file)))) await install(archives, '--download-only')
  return names
}

async function layerOf(
  folders: ImageFolders,
  packages: string[],
  without: string[],
  files: Record<string, string>,
  { less = new Set<string>() }: { less?: ReadonlySet<string> },
): Promise<Layer> {
  const archives = (await closureOf(folders, packages, without)).filter((file) => !less.has(file)).sort()
  const key = createHash('sha256')
    .update(JSON.stringify([2, archives, files]))
    .digest('hex')
    .slice(0, 32)
  const file = join(folders.cache, 'layers', `${key}.tar`)
  if (!existsSync(file)) await pack(file, archives, files, folders)
  return { digest: await fileDigest(file), size: (await stat(file)).size, key }
}

async function pack(
  file: string,
  archives: string[],
  files: Record<string, string>,
  { cache }: ImageFolders,
): Promise<void> {
  const root = `${file}.root`
  await rm(root, { recursive: true, force: true })
  await mkdir(root, { recursive: true })
  for (const archive of archives) await run('dpkg-deb', ['-x', join(cache, 'archives', archive), root])
  for (const folder of UNREAD) await rm(join(root, folder), { recursive: true, force: true })
  for (const [path, content] of Object.entries(files)) {
    const to = join(root, path)
    await mkdir(dirname(to), { recursive: true })
    await writeFile(to, content, { mode: path.includes('/bin/') ? 0o755 : 0o644 })
  }
  if (existsSync(join(root, 'bin/dash')) && !existsSync(join(root, 'bin/sh')))
    await symlink('dash', join(root, 'bin/sh'))
  await run('tar', ['--sort=name', '--mtime=@0', '--numeric-owner', '-C', root, '-cf', `${file}.new`, '.'])
  await rename(`${file}.new`, file)
  await rm(root, { recursive: true, force: true })
}

function baseFiles(): Record<string, string> {
  const user = (name: string, index: number) => `${name}:x:${900 + index}:${900 + index}::/:/bin/sh`
  const group = (name: string, index: number) => `${name}:x:${900 + index}:`
  return {
    '/etc/passwd': ['root:x:0:0:root:/root:/bin/sh', ...USERS.map(user), ''].join('\n'),
    '/etc/group': ['root:x:0:', ...USERS.map(group), ''].join('\n'),
    '/etc/nsswitch.conf': 'hosts: files dns\n',
  }
}

async function writeLayout(
  layout: string,
  { cache }: ImageFolders,
  { command, env, stopSignal }: DebianImage,
  layers: Layer[],
): Promise<void> {
  const blobs = join(layout, 'blobs/sha256')
  await mkdir(blobs, { recursive: true })
  const add = async (value: unknown) => {
    const bytes = Buffer.from(JSON.stringify(value))
    const hex = createHash('sha256').update(bytes).digest('hex')
    await writeFile(join(blobs, hex), bytes)
    return { digest: `sha256:${hex}`, size: bytes.length }
  }
  for (const { digest, key } of layers) {
    const blob = join(blobs, digest.slice(7))
    if (!existsSync(blob)) await run('cp', ['--reflink=auto', join(cache, 'layers', `${key}.tar`), blob])
  }
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  const config = await add({
    architecture: 'amd64',
    os: 'linux',
    config: {
      Cmd: command,
      Env: Object.entries({ PATH: path, ...env }).map(([key, value]) => `${key}=${value}`),
      WorkingDir: '/',
      ...(stopSignal !== undefined && { StopSignal: stopSignal }),
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    // Buildah builds on no image whose history is shorter than its layers.
    history: layers.map(() => ({ created_by: "of Debian's packages" })),
  })
  const manifest = await add({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
    layers: layers.map(({ digest, size }) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest,
      size,
    })),
  })
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  await writeFile(
    join(layout, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType, ...manifest }] }),
  )
}
