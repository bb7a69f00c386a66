import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  cpSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** What was made of Debian's packages; remove it for newer ones. */
const CACHE = join(import.meta.dirname, '../../node_modules/.cache/cloister/debian')

/** What the Dockerfiles of the examples say. */
export interface Recipe {
  packages: string[]
  /** Files of this machine, by where they lie in the image. */
  copies: Record<string, string>
  command: string[]
}

/** Reads a Dockerfile of Debian's packages, files beside it and a command, and nothing else. */
export function recipeOf(dockerfile: string): Recipe {
  const text = readFileSync(dockerfile, 'utf8').replaceAll('\\\n', ' ')
  const words = /apt-get install ([^&\n]+)/.exec(text)?.[1]?.split(/\s+/) ?? []
  const copies = [...text.matchAll(/^COPY (\S+) (\S+)$/gm)]
  const [, command = '["sh"]'] = /^CMD (\[.*\])$/m.exec(text) ?? []
  return {
    packages: words.filter((word) => word !== '' && !word.startsWith('-')),
    copies: Object.fromEntries(copies.map(([, from = '', to = '']) => [to, join(dirname(dockerfile), from)])),
    command: JSON.parse(command) as string[],
  }
}

/**
 * A tar archive of Debian with packages, made with mmdebstrap, which takes them from where this machine does.
 * What was made before of the same is taken.
 */
export async function debianWith(packages: readonly string[]): Promise<string> {
  const names = [...new Set(packages)].sort().join(',')
  const file = join(CACHE, `${createHash('sha256').update(names).digest('hex').slice(0, 16)}.tar`)
  if (existsSync(file)) return file
  mkdirSync(CACHE, { recursive: true })
  // Nobody reads manuals there, and half of a set-up is of no use.
  const less = ['man', 'doc', 'locale', 'info'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`)
  const options = ['--variant=minbase', `--include=${names}`, '--dpkgopt=force-unsafe-io', ...less]
  // It runs Python for each package, which Debian's own begins in a moment, unlike what wraps it elsewhere.
  const env = { ...process.env, PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
  await run('mmdebstrap', [...options, 'bookworm', `${file}.new.tar`], { env, maxBuffer: 64 * 1024 * 1024 })
  renameSync(`${file}.new.tar`, file)
  return file
}

/** Makes an OCI layout of what a recipe says: a layer of Debian's, and one of what is copied. */
export async function debianImage(
  layout: string,
  debian: string,
  { copies, command }: Recipe,
): Promise<void> {
  const blobs = join(layout, 'blobs/sha256')
  mkdirSync(blobs, { recursive: true })
  const added = join(layout, 'added')
  mkdirSync(added)
  for (const [to, from] of Object.entries(copies)) cpSync(from, join(added, to))
  await run('tar', ['--owner=0', '--group=0', '-C', added, '-cf', `${added}.tar`, '.'])
  const layers = await Promise.all([debian, `${added}.tar`].map((tar) => layerOf(tar, blobs)))
  const put = (mediaType: string, value: object) => {
    const text = JSON.stringify(value)
    const digest = createHash('sha256').update(text).digest('hex')
    writeFileSync(join(blobs, digest), text)
    return { mediaType, digest: `sha256:${digest}`, size: Buffer.byteLength(text) }
  }
  const config = put('application/vnd.oci.image.config.v1+json', {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], Cmd: command },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  })
  const manifest = put('application/vnd.oci.image.manifest.v1+json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config,
    layers: layers.map((layer) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer })),
  })
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }))
}

/** Puts a layer where a layout has it. */
async function layerOf(tar: string, blobs: string): Promise<{ digest: string; size: number }> {
  const sum = createHash('sha256')
  await pipeline(createReadStream(tar), sum)
  const digest = sum.digest('hex')
  copyFileSync(tar, join(blobs, digest))
  return { digest: `sha256:${digest}`, size: statSync(tar).size }
}
