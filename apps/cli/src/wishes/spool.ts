import { createHash } from 'node:crypto'
import { mkdtempSync, openSync, read, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { CloisterError, type SentContent } from '@cloister/core'

const readAt = promisify(read)
const CHUNK = 1024 * 1024

/**
 * Keeps a stream of bytes until the program ends, to be read as often as need be. It lies in a file without a
 * name, which the system removes however the program ends. Throws `no-file` where there is no room.
 */
export async function spool(
  bytes: AsyncIterable<Uint8Array>,
  tell: (written: number) => void = () => {},
): Promise<SentContent> {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-'))
  const path = join(folder, 'content')
  let file: number
  try {
    file = openSync(path, 'wx+', 0o600)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const hash = createHash('sha256')
  let written = 0
  for await (const chunk of bytes) {
    hash.update(chunk)
    written += writeAll(file, chunk)
    tell(written)
  }
  return { digest: `sha256:${hash.digest('hex')}`, bytes: written, open: (from) => readFrom(file, from) }
}

function writeAll(file: number, chunk: Uint8Array): number {
  try {
    for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at)
    return chunk.length
  } catch (cause) {
    throw new CloisterError(
      'no-file',
      `What is sent can't be kept in ${tmpdir()}: ${(cause as Error).message}.`,
      {
        hint: 'Make room, or name another folder with the variable TMPDIR.',
        cause,
      },
    )
  }
}

async function* readFrom(file: number, from: number): AsyncGenerator<Uint8Array> {
  for (let at = from; ; ) {
    const { bytesRead, buffer } = await readAt(file, Buffer.alloc(CHUNK), 0, CHUNK, at)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
    at += bytesRead
  }
}
