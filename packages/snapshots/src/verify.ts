import { CloisterError, messageOf } from '@cloister/core'
import type { Repository } from './repository.ts'
import { blocksNamed } from './restore.ts'
import { listSnapshots } from './snapshot.ts'

/** What was found of a snapshot. */
export interface Checked {
  id: string
  blocks: number
  /** What is wrong with it; undefined where nothing is. */
  problem: string | undefined
}

/**
 * Checks that every snapshot can be restored: that all of its blocks are there, and are what they were. With
 * `quick` only that their packs are there and large enough; inventories are read in any case. `tell` is given
 * the bytes that were read.
 */
export async function verifySnapshots(
  repository: Repository,
  { quick = false, tell = () => {} }: { quick?: boolean; tell?: (bytes: number) => void } = {},
): Promise<Checked[]> {
  const sizes = new Map((await repository.store.list('packs')).map(({ name, bytes }) => [name, bytes]))
  const good = new Set<string>()
  let read = 0
  const checked: Checked[] = []
  for (const { id, snapshot } of await listSnapshots(repository)) {
    const seen = new Set<string>()
    let problem: string | undefined
    try {
      for (const { inventory } of snapshot.volumes)
        for await (const digest of blocksNamed(repository, inventory)) {
          seen.add(digest)
          if (good.has(digest)) continue
          if (!repository.isThere(digest, sizes))
            throw new CloisterError('snapshot-damaged', 'A block of it is lost.')
          if (!quick) {
            read += (await repository.block(digest)).length
            tell(read)
          }
          good.add(digest)
        }
    } catch (error) {
      problem = messageOf(error)
    }
    checked.push({ id, blocks: seen.size, problem })
  }
  return checked
}
