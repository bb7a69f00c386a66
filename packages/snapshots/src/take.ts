import { blocksOf, insist, type LeaseOnWorker, listVolumes, readVolume } from '@cloister/client'
import { CloisterError, type VolumeSummary } from '@cloister/core'
import { whileLocked } from './lock.ts'
import type { Repository } from './repository.ts'
import { type KeptSnapshot, keepSnapshot, type Snapshot } from './snapshot.ts'

/** How far a snapshot is. */
export interface TakingProgress {
  volume: string
  /** Bytes of files that were read. */
  read: number
  /** Bytes that were written to the store so far, of all volumes. */
  written: number
}

export interface TakeOptions {
  /** Only these volumes; all, if not given. */
  volumes?: readonly string[] | undefined
  name?: string | undefined
  manifestHash?: string | undefined
  paused?: boolean | undefined
  tell?: (progress: TakingProgress) => void
  signal?: AbortSignal
}

/**
 * Takes a snapshot of a lease's volumes: what the store has already is neither sent nor written again. One
 * that was broken off goes on where it was, since what came is kept. Throws `not-found` where there is no
 * volume, `read-failed`, and what the worker says once nothing has moved for two minutes.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 * import { FolderStore, Repository, SnapshotKey, takeSnapshot } from '@cloister/snapshots'
 *
 * const { asTenant, about } = await leases.openSession(cloister, 'my-app')
 * const key = new SnapshotKey(Buffer.from(text, 'hex'))
 * const repository = await Repository.open(new FolderStore('backups'), key, true)
 * const { id } = await takeSnapshot(repository, { client: asTenant, lease: about.lease! })
 * ```
 */
export function takeSnapshot(
  repository: Repository,
  from: LeaseOnWorker,
  options: TakeOptions = {},
): Promise<KeptSnapshot> {
  return whileLocked(repository.store, 'write', async () => {
    const takenAt = Date.now()
    const there = await listVolumes(from.client, from.lease)
    const wanted = options.volumes ?? there
    const missing = wanted.find((volume) => !there.includes(volume))
    if (missing !== undefined || wanted.length === 0)
      throw new CloisterError(
        'not-found',
        missing === undefined
          ? 'The lease has no volume, so there is nothing to take a snapshot of.'
          : `The lease has no volume ${missing}.`,
        there.length > 0 ? { hint: `It has ${there.join(', ')}.` } : {},
      )
    const volumes: Snapshot['volumes'] = []
    try {
      for (const volume of wanted) volumes.push(await takeVolume(repository, from, volume, options))
    } finally {
      // Also where it is broken off: what came is not read again.
      await repository.flush()
    }
    const { name, manifestHash, paused = false } = options
    return keepSnapshot(repository, {
      version: 1,
      lease: from.lease,
      ...(name !== undefined && { name }),
      ...(manifestHash !== undefined && { manifestHash }),
      takenAt,
      paused,
      volumes,
    })
  })
}

async function takeVolume(
  repository: Repository,
  { client, lease }: LeaseOnWorker,
  volume: string,
  { tell = () => {}, signal = new AbortController().signal }: TakeOptions,
): Promise<Snapshot['volumes'][number]> {
  let movedAt = 0
  return insist(
    async () => {
      const inventory: Uint8Array[] = []
      let summary: VolumeSummary | undefined
      for await (const part of readVolume(client, lease, volume, { known: repository.digests(), signal })) {
        movedAt = Date.now()
        if (part.type === 'block') await repository.add(part.digest, part.bytes)
        else if (part.type === 'inventory') inventory.push(part.bytes.slice())
        else if (part.type === 'progress')
          tell({ volume, read: part.bytes, written: repository.writtenBytes })
        else summary = part.summary
      }
      if (!summary) throw new CloisterError('bad-answer', 'The worker did not say that it read the volume.')
      const blocks = await blocksOf(inventory)
      for (const { digest, bytes } of blocks) await repository.add(digest, bytes)
      const { files, bytes, leftOut } = summary
      return {
        name: volume,
        files,
        bytes,
        inventory: blocks.map(({ digest }) => digest),
        leftOut: leftOut.count,
      }
    },
    () => movedAt,
  )
}
