import { createHash } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { CloisterError } from '@cloister/core'
import type Docker from 'dockerode'
import { Header } from 'tar'
import { hasImage } from '../docker/pull.ts'
import { executable } from '../elf.ts'

/**
 * The smallest program that waits: `mov eax, 34 (pause); syscall; jmp` back to the first: it waits for
 * signals, for ever (x86-64 ABI).
 */
const CODE = Buffer.from('b8220000000f05ebf7', 'hex')
const BLOCK = 512

const LAYER = tarOf([['pause', executable(CODE), 0o755]])
const CONFIG = Buffer.from(
  JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    created: '1970-01-01T00:00:00Z',
    config: { Entrypoint: ['/pause'], StopSignal: 'SIGKILL' },
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(LAYER)}`] },
    history: [{ created: '1970-01-01T00:00:00Z' }],
  }),
)

/** The id of an image with nothing but a program that waits; the same on every engine. */
export const PAUSE_IMAGE = `sha256:${sha256(CONFIG)}`

/** Brings that image into an engine. Throws `engine-failed`. */
export async function ensurePauseImage(docker: Docker): Promise<void> {
  if (await hasImage(docker, PAUSE_IMAGE)) return
  const manifest = [{ Config: 'config.json', RepoTags: ['cloister.local/pause:1'], Layers: ['layer.tar'] }]
  const archive = tarOf([
    ['config.json', CONFIG, 0o644],
    ['layer.tar', LAYER, 0o644],
    ['manifest.json', Buffer.from(JSON.stringify(manifest)), 0o644],
  ])
  const response = await docker.loadImage(new PassThrough().end(archive))
  for await (const _ of response);
  if (!(await hasImage(docker, PAUSE_IMAGE)))
    throw new CloisterError('engine-failed', 'The container engine does not take the image that waits.')
}

function tarOf(entries: readonly [path: string, bytes: Buffer, mode: number][]): Buffer {
  const blocks = entries.flatMap(([path, bytes, mode]) => {
    const header = new Header({
      path,
      size: bytes.length,
      mode,
      type: 'File',
      mtime: new Date(0),
      uid: 0,
      gid: 0,
    })
    header.encode()
    return [header.block ?? Buffer.alloc(BLOCK), bytes, Buffer.alloc(-bytes.length & (BLOCK - 1))]
  })
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)])
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
