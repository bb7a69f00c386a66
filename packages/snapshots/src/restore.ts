import { BlockSender, beginStaging, finishStaging, insist, type LeaseOnWorker } from '@cloister/client'
import { type BlockRef, readInventory } from '@cloister/core'
import type { Repository } from './repository.ts'
import type { Snapshot } from './snapshot.ts'

const DIGEST_BYTES = 32

/** How far a restoring is, in bytes that the worker has taken. */
export interface RestoringProgress {
  volume: string
  sent: number
}

/**
 * Gives a lease that has no manifest yet the volumes of a snapshot; its containers begin with them once it
 * has. One that was broken off goes on where it was. Throws `exists` for a volume that is there,
 * `snapshot-damaged`, and what the worker says once nothing has moved for two minutes.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 * import { FolderStore, findSnapshot, Repository, restoreVolumes, SnapshotKey } from '@cloister/snapshots'
 *
 * const key = new SnapshotKey(Buffer.from(text, 'hex'))
 * const repository = await Repository.open(new FolderStore('backups'), key)
 * const { snapshot } = await findSnapshot(repository)
 * await leases.deploy(cloister, {
 *   manifest,
 *   pay: 'USDC',
 *   deposit: 1_000_000n,
 *   fill: (client, lease) => restoreVolumes(repository, snapshot, { client, lease }),
 * })
 * ```
 */
export async function restoreVolumes(
  repository: Repository,
  { volumes }: Pick<Snapshot, 'volumes'>,
  to: LeaseOnWorker,
  tell: (progress: RestoringProgress) => void = () => {},
): Promise<void> {
  let before = 0
  for (const { name, inventory } of volumes) {
    let movedAt = 0
    await insist(
      async () => {
        const { ticket, blocks } = await beginStaging(to.client, to.lease, name)
        const there = setOf(blocks)
        const sender = new BlockSender(to.client, to.lease, name, ticket)
        for await (const digest of blocksNamed(repository, inventory)) {
          if (there.has(digest)) continue
          there.add(digest)
          await sender.add(digest, await repository.block(digest))
          movedAt = Date.now()
          tell({ volume: name, sent: before + sender.sentBytes })
        }
        await sender.finish()
        await finishStaging(to.client, to.lease, name, inventory)
        before += sender.sentBytes
      },
      () => movedAt,
    )
  }
}

/** Digests of all blocks of a volume, those of its inventory first. */
export async function* blocksNamed(
  repository: Repository,
  inventory: readonly string[],
): AsyncGenerator<string> {
  yield* inventory
  for await (const line of readInventory(inventoryOf(repository, inventory)))
    if ('blocks' in line) yield* line.blocks.filter(isDigest)
}

/** The bytes of an inventory. */
async function* inventoryOf(
  repository: Repository,
  inventory: readonly string[],
): AsyncGenerator<Uint8Array> {
  for (const digest of inventory) yield await repository.block(digest)
}

function isDigest(block: BlockRef): block is string {
  return typeof block === 'string'
}

function setOf(digests: Uint8Array): Set<string> {
  const bytes = Buffer.from(digests.buffer, digests.byteOffset, digests.length)
  const found = new Set<string>()
  for (let at = 0; at < bytes.length; at += DIGEST_BYTES)
    found.add(bytes.toString('hex', at, at + DIGEST_BYTES))
  return found
}
