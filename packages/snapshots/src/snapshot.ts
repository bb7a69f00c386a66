import { CloisterError } from '@cloister/core'
import * as z from 'zod'
import { type Repository, timedName } from './repository.ts'

const digest = z.string().regex(/^[0-9a-f]{64}$/)

/** A snapshot of a lease's volumes: what it is of, and in which blocks the inventories of its volumes are. */
export const Snapshot = z.object({
  version: z.literal(1),
  lease: z.string().regex(/^0x[0-9a-f]{64}$/),
  /** What the lease is called. */
  name: z.string().max(64).optional(),
  /** Hash of the manifest that ran. */
  manifestHash: z.string().optional(),
  /** Unix milliseconds, when reading began. */
  takenAt: z.number(),
  /** Containers stood still while it was taken. */
  paused: z.boolean(),
  volumes: z.array(
    z.object({
      name: z.string().max(128),
      files: z.int().min(0),
      bytes: z.int().min(0),
      /** Of its inventory. */
      inventory: z.array(digest),
      leftOut: z.int().min(0),
    }),
  ),
})
export type Snapshot = z.infer<typeof Snapshot>

/** A snapshot that is kept. */
export interface KeptSnapshot {
  /** `20260131T120000Z-0a1b2c3d`. */
  id: string
  snapshot: Snapshot
}

/** Writes a snapshot down, once all of its blocks are. */
export async function keepSnapshot(repository: Repository, snapshot: Snapshot): Promise<KeptSnapshot> {
  const id = timedName(new Date(snapshot.takenAt))
  const sealed = repository.key.seal(Buffer.from(JSON.stringify(snapshot)), `snapshot ${id}`)
  await repository.store.write(`snapshots/${id}`, sealed)
  return { id, snapshot }
}

/** All snapshots, the newest first. Throws `snapshot-damaged`. */
export async function listSnapshots(repository: Repository): Promise<KeptSnapshot[]> {
  const { store, key } = repository
  const kept: KeptSnapshot[] = []
  for (const { name } of await store.list('snapshots')) {
    const id = name.slice('snapshots/'.length)
    const sealed = await store.read(name)
    if (!sealed) continue
    kept.push({ id, snapshot: Snapshot.parse(JSON.parse(key.open(sealed, `snapshot ${id}`).toString())) })
  }
  return kept.sort((one, other) => other.snapshot.takenAt - one.snapshot.takenAt)
}

/**
 * One snapshot: by the beginning of its id, or by the rest of it after the time; the newest where nothing is
 * said and all are of one lease, or bear one name. Throws `not-found` or `bad-name`.
 */
export async function findSnapshot(repository: Repository, id?: string): Promise<KeptSnapshot> {
  const all = await listSnapshots(repository)
  const { place } = repository.store
  if (id !== undefined) {
    const found = all.filter((one) => one.id.startsWith(id) || one.id.endsWith(`-${id}`))
    const [only] = found
    if (only && found.length === 1) return only
    throw new CloisterError(
      found.length === 0 ? 'not-found' : 'bad-name',
      `${found.length === 0 ? 'No snapshot' : 'More than one snapshot'} in ${place} is called ${id}.`,
    )
  }
  const [newest] = all
  if (!newest) throw new CloisterError('not-found', `There are no snapshots in ${place}.`)
  const leases = new Set(all.map(({ snapshot }) => snapshot.name ?? snapshot.lease))
  if (leases.size > 1)
    throw new CloisterError('bad-name', `${place} has snapshots of ${leases.size} leases.`, {
      hint: `Say which: ${place}#${newest.id.slice(-8)}, for instance.`,
    })
  return newest
}
