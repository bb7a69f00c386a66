import { whileLocked } from './lock.ts'
import { type PackIndex, Repository } from './repository.ts'
import { blocksNamed } from './restore.ts'
import { type KeptSnapshot, listSnapshots } from './snapshot.ts'

/** A pack of which less than this part is taken is written anew, without the rest. */
const WORTH_KEEPING = 0.5

/** What pruning did. */
export interface Pruned {
  removed: string[]
  kept: string[]
  /** Bytes that the store has less. */
  freedBytes: number
}

/**
 * Removes all snapshots of each lease but the newest `keep`, and every block that none of the others takes.
 * Nothing else may be done with the store meanwhile. What a process that died left behind goes, too. Throws
 * `too-busy` and `snapshot-damaged`; then nothing that a snapshot takes is gone.
 */
export function prune(opened: Repository, { keep }: { keep: number }): Promise<Pruned> {
  const { store, key } = opened
  return whileLocked(store, 'prune', async () => {
    // As it is now that nobody else changes it.
    const repository = await Repository.open(store, key)
    const all = await listSnapshots(repository)
    const gone = outdated(all, keep)
    const stays = all.filter((one) => !gone.includes(one))
    const taken = new Set<string>()
    for (const { snapshot } of stays)
      for (const { inventory } of snapshot.volumes)
        for await (const digest of blocksNamed(repository, inventory)) taken.add(digest)
    const before = await sizeOf(repository)
    // First what takes blocks, then the blocks: whoever comes between finds each snapshot whole or gone.
    for (const { id } of gone) await store.remove(`snapshots/${id}`)
    await repack(repository, taken)
    const freedBytes = Math.max(0, before - (await sizeOf(repository)))
    return { removed: gone.map(({ id }) => id), kept: stays.map(({ id }) => id), freedBytes }
  })
}

/** Those of each lease, or of each name, beyond the newest. */
function outdated(all: readonly KeptSnapshot[], keep: number): KeptSnapshot[] {
  const seen = new Map<string, number>()
  return all.filter(({ snapshot }) => {
    const of = snapshot.name ?? snapshot.lease
    const count = (seen.get(of) ?? 0) + 1
    seen.set(of, count)
    return count > keep
  })
}

async function repack(repository: Repository, taken: ReadonlySet<string>): Promise<void> {
  const { store } = repository
  const indexes = await repository.indexes()
  const stays: PackIndex[] = []
  const move = new Set<string>()
  const known = new Set<string>()
  for (const { pack, blocks } of indexes.flatMap(({ packs }) => packs)) {
    if (known.has(pack)) continue
    known.add(pack)
    const bytesOf = (list: typeof blocks) => list.reduce((sum, [, , bytes]) => sum + bytes, 0)
    const used = blocks.filter(([digest]) => taken.has(digest))
    if (used.length > 0 && bytesOf(used) >= WORTH_KEEPING * bytesOf(blocks))
      stays.push({ pack, blocks: used })
    else for (const [digest] of used) move.add(digest)
  }
  const kept = new Set(stays.flatMap(({ blocks }) => blocks.map(([digest]) => digest)))
  const moved = await repository.rewrite([...move].filter((digest) => !kept.has(digest)))
  const names = indexes.map(({ name }) => name)
  await repository.replaceIndexes([...stays, ...moved], names)
  const needed = new Set([...stays, ...moved].map(({ pack }) => `packs/${pack}`))
  for (const { name } of await store.list('packs')) if (!needed.has(name)) await store.remove(name)
}

async function sizeOf({ store }: Repository): Promise<number> {
  let bytes = 0
  for (const folder of ['packs', 'indexes', 'snapshots'])
    for (const object of await store.list(folder)) bytes += object.bytes
  return bytes
}
