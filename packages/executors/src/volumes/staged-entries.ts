import type { FileHandle } from 'node:fs/promises'
import { type BlockRef, readInventory, VOLUME_BLOCK_BYTES, type VolumeItem } from '@cloister/core'
import type { TarEntry } from '@cloister/images'
import { StagedBlocks } from './staged-blocks.ts'
import { VolumeArchiveError } from './volume-archive-error.ts'

/**
 * Entries of a volume whose blocks were staged in a folder, as an archive would have them; to be read one
 * after the other. Throws a `VolumeArchiveError` or `bad-file`.
 */
export async function* stagedEntries(folder: string): AsyncGenerator<TarEntry> {
  const staged = StagedBlocks.read(folder)
  const inventory = await staged.inventory()
  if (!inventory) throw new VolumeArchiveError('not all of it has come')
  const pack = await staged.openPack()
  try {
    const lines = readInventory(blocksOf(staged, pack, inventory))
    let next = await lines.next()
    while (!next.done) {
      const line = next.value
      if (!('item' in line)) throw new VolumeArchiveError('its inventory begins with blocks')
      const { item } = line
      const blocks: BlockRef[] = []
      next = await lines.next()
      while (!next.done && 'blocks' in next.value) {
        blocks.push(...next.value.blocks)
        next = await lines.next()
      }
      yield entryOf(item, blocks, staged, pack)
    }
  } finally {
    await pack.close()
  }
}

/** Whose a staged volume's own folder is; root's where nothing says so. */
export async function stagedOwner(folder: string): Promise<{ uid: number; gid: number }> {
  // Its own folder comes first.
  for await (const { path, uid, gid } of stagedEntries(folder))
    return path === '' ? { uid, gid } : { uid: 0, gid: 0 }
  return { uid: 0, gid: 0 }
}

function entryOf(item: VolumeItem, blocks: BlockRef[], staged: StagedBlocks, pack: FileHandle): TarEntry {
  const { type, path, target, mode, uid, gid, modified, size } = item
  const pieces: { offset: number; bytes: number }[] = []
  const digests: string[] = []
  let at = 0
  for (const block of blocks) {
    if (typeof block === 'number') {
      at += block * VOLUME_BLOCK_BYTES
      continue
    }
    const bytes = Math.min(VOLUME_BLOCK_BYTES, size - at)
    const last = pieces.at(-1)
    if (last && last.offset + last.bytes === at) last.bytes += bytes
    else pieces.push({ offset: at, bytes })
    digests.push(block)
    at += bytes
  }
  const stored = pieces.reduce((sum, { bytes }) => sum + bytes, 0)
  return {
    type,
    path,
    linkPath: target,
    mode,
    uid,
    gid,
    modified,
    size,
    stored,
    offset: 0,
    pieces: stored === size ? undefined : pieces,
    content: async function* () {
      let left = stored
      for await (const bytes of blocksOf(staged, pack, digests)) {
        left -= bytes.length
        yield bytes
      }
      if (left !== 0) throw new VolumeArchiveError('a block of a file has another length')
    },
  }
}

async function* blocksOf(
  staged: StagedBlocks,
  pack: FileHandle,
  digests: readonly string[],
): AsyncGenerator<Buffer> {
  for (const digest of digests) yield await staged.block(pack, digest)
}
