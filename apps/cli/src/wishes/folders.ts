import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { formatMiB, type SentContent, type Wish } from '@cloister/core'
import { Steps } from '@cloister/terminal'
import { placeOf } from '../permissions.ts'
import { packTree } from './archive.ts'
import type { Fulfilled, WishOptions } from './options.ts'
import { spool } from './spool.ts'
import { readTree } from './tree.ts'

const MIB = 1024 * 1024
/** What takes long enough for people to want to see that something happens. */
const LARGE_BYTES = 64 * MIB

/** A folder as a tar archive, or a file, with what is sent of it. */
export async function grantFolder(
  wish: Extract<Wish, { kind: 'folder' | 'file' }>,
  { folder, quiet, permissions }: WishOptions,
): Promise<Fulfilled> {
  const path = isAbsolute(wish.path) ? wish.path : join(folder, wish.path)
  // It was looked at when the file was read; what is sent is what lies there now.
  await permissions.require([permissions.ofPath(placeOf(folder), path, wish.path)])
  if (wish.kind === 'file') {
    const content = await contentOf(path)
    return { granted: { digest: content.digest, bytes: content.bytes }, contents: [content] }
  }
  const tree = readTree(path, wish.path, wish.exclude)
  const steps = new Steps(quiet || tree.bytes < LARGE_BYTES)
  const content = await steps.until(
    spool(packTree(path, tree), (written) =>
      steps.begin(
        'pack',
        `${wish.path}: ${Math.floor(written / MIB)} of ${formatMiB(Math.ceil(tree.bytes / MIB))}`,
      ),
    ),
  )
  const { digest, bytes } = content
  return { granted: { digest, bytes, entries: tree.entries.length }, contents: [content] }
}

async function contentOf(path: string): Promise<SentContent> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk as Buffer)
    bytes += (chunk as Buffer).length
  }
  return {
    digest: `sha256:${hash.digest('hex')}`,
    bytes,
    open: (start) => createReadStream(path, { start, end: Math.max(start, bytes - 1) }),
  }
}
