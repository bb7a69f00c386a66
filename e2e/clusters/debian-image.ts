import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'

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
 * Makes an OCI layout of Debian's packages with mmdebstrap, which takes them from where this machine does:
 * one layer, not compressed.
 */
export async function debianImage(layout: string, { packages, copies, command }: Recipe): Promise<void> {
  const blobs = join(layout, 'blobs/sha256')
  mkdirSync(blobs, { recursive: true })
  const tar = join(layout, 'layer.tar')
  const hooks = Object.entries(copies).map(([to, from]) => `--customize-hook=upload ${from} ${to}`)
  const names = ['--variant=minbase', `--include=${packages.join(',')}`]
  // Nothing of it is read here: manuals, translations.
  const less = ['man', 'doc', 'locale', 'info'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`)
  await promisify(execFile)('mmdebstrap', [...names, ...less, ...hooks, 'bookworm', tar], {
    maxBuffer: 64 * 1024 * 1024,
  })
  const sum = createHash('sha256')
  await pipeline(createReadStream(tar), sum)
  const layer = { digest: `sha256:${sum.digest('hex')}`, size: statSync(tar).size }
  renameSync(tar, join(blobs, layer.digest.slice(7)))
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
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  })
  const manifest = put('application/vnd.oci.image.manifest.v1+json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config,
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer }],
  })
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }))
}
