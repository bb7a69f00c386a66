import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { FRAME, frameHead } from '@cloister/core'
import { readTar, TarError } from '@cloister/images'
import { mainApart } from '../apart/main.ts'
import { INPUT_FD, OUTPUT_FD } from '../apart/run.ts'
import type { ReadOrder } from './read.ts'
import { framesOf } from './volume-blocks.ts'

/** What GNU tar ends with where a file changed under it; the archive is whole all the same. */
const CHANGED = 1
const DIGEST_BYTES = 32

class ReadingError extends Error {}

/**
 * Reads a volume in a process of its own: what is in it, strangers wrote, and they may be writing just now.
 * A folder is walked by GNU tar, which goes by open folders and follows no link (openat(2), O_NOFOLLOW).
 */
async function read({ from, known }: ReadOrder): Promise<void> {
  const digests = Buffer.from(known, 'base64')
  const have = new Set<string>()
  for (let at = 0; at + DIGEST_BYTES <= digests.length; at += DIGEST_BYTES)
    have.add(digests.toString('hex', at, at + DIGEST_BYTES))
  const tar = 'folder' in from ? walk(from.folder) : undefined
  const archive = tar?.archive ?? createReadStream('', { fd: INPUT_FD, highWaterMark: 1024 * 1024 })
  const how = 'folder' in from ? { strip: 0, firstId: from.firstId } : { strip: from.strip, firstId: 0 }
  const out = createWriteStream('', { fd: OUTPUT_FD, highWaterMark: 1024 * 1024 })
  let last: Uint8Array | undefined
  try {
    for await (const frame of framesOf(readTar(archive), { known: have, ...how })) {
      // The last one says that all of it was read, which is known once tar has ended.
      if (last && !out.write(last)) await once(out, 'drain')
      last = frame
    }
    const code = await tar?.ended
    if (code !== undefined && code !== 0 && code !== CHANGED)
      throw new ReadingError('a part of it can not be read')
  } catch (error) {
    // Told in band: whoever reads the frames is told why there are no more.
    const reason = Buffer.from(JSON.stringify({ reason: explain(error) }))
    last = Buffer.concat([frameHead(FRAME.failure, reason.length), reason])
  }
  out.end(last)
  await once(out, 'finish')
}

function walk(folder: string): { archive: AsyncIterable<Buffer>; ended: Promise<number> } {
  const words = ['--create', '--format=posix', '--pax-option=delete=atime,delete=ctime', '--sparse']
  const more = ['--numeric-owner', '--one-file-system', '--sort=none', '--directory', folder, '.']
  const tar = spawn('tar', [...words, ...more], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
  })
  const ended = new Promise<number>((resolve) =>
    tar.once('error', () => resolve(-1)).once('close', (code) => resolve(code ?? -1)),
  )
  return { archive: tar.stdout, ended }
}

function explain(error: unknown): string {
  if (error instanceof TarError || error instanceof ReadingError) return error.message
  return `the worker can't read it (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`
}

await mainApart(read, explain)
