import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { CloisterError } from '@cloister/core'
import { Header, Pax } from 'tar'
import type { Tree, TreeEntry } from './tree.ts'

const BLOCK = 512

/**
 * A folder as a tar archive (POSIX.1-2001, pax) that is the same for the same content on every machine:
 * sorted, without times and owners, with rights but no set-user bits. Throws `bad-file` where a file changes
 * its size meanwhile.
 */
export async function* packTree(root: string, { entries }: Tree): AsyncGenerator<Uint8Array> {
  for (const entry of entries) {
    yield* headerOf(entry)
    if (entry.kind !== 'file') continue
    let read = 0
    for await (const chunk of createReadStream(join(root, entry.path), { highWaterMark: 1024 * 1024 })) {
      read += (chunk as Buffer).length
      if (read > entry.bytes) break
      yield chunk as Buffer
    }
    if (read !== entry.bytes)
      throw new CloisterError('bad-file', `${entry.path} changed while it was read.`, {
        hint: 'Try again once nothing writes to it.',
      })
    if (read % BLOCK !== 0) yield Buffer.alloc(BLOCK - (read % BLOCK))
  }
  yield Buffer.alloc(2 * BLOCK)
}

const TYPES = { file: 'File', folder: 'Directory', link: 'SymbolicLink' } as const

/** Names that don't fit the old header stand in one of their own before it. */
function* headerOf({ kind, path, bytes, mode, target }: TreeEntry): Generator<Uint8Array> {
  const fields = {
    path: kind === 'folder' ? `${path}/` : path,
    size: bytes,
    mode,
    type: TYPES[kind],
    mtime: new Date(0),
    uid: 0,
    gid: 0,
    ...(kind === 'link' && { linkpath: target }),
  }
  const block = Buffer.alloc(BLOCK)
  const header = new Header(fields)
  if (header.encode(block, 0))
    yield new Pax({
      path: fields.path,
      size: bytes,
      ...(kind === 'link' && { linkpath: target }),
    }).encode()
  yield block
}
