import { existsSync } from 'node:fs'
import { chmod, lstat, mkdir, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { ContainerSpec, VolumeContent } from '../executor.ts'
import type { ContainerUser } from '../user-tables.ts'
import { fillVolume, volumeLimits } from '../volumes/fill.ts'
import { isOfArchive } from '../volumes/names.ts'
import type { Lease } from './lease.ts'
import { IS_ROOT } from './places.ts'
import { run } from './run.ts'
import { ID_COUNT, resolveInRoot } from './user.ts'

const PATIENCE_MS = 600_000

/** Where a lease's volumes lie. */
export function volumeFolder(lease: Lease): string {
  return join(lease.disk.folder, 'volumes')
}

/** The container that a fresh volume begins with. */
export interface FirstContainer {
  /** Its root, as the lease's mounts have it and as they show it to us. */
  root: string
  seen: string
  user: ContainerUser
  leaseDiskMiB: number | undefined
}

/**
 * Makes a volume that isn't there yet; it appears whole or not at all. It begins with an archive, whose
 * content is the user's; else, as Docker does, as what the image has at its path, owned as there, and an
 * empty one is the user's.
 */
export async function makeVolume(
  lease: Lease,
  { volume, path, noCopy, from }: ContainerSpec['mounts'][number],
  first: FirstContainer,
): Promise<void> {
  const target = join(volumeFolder(lease), volume)
  if (existsSync(target)) return
  // No volume's name begins so. What is there was left by a process that died.
  const fresh = join(volumeFolder(lease), `.${volume}`)
  if (existsSync(fresh)) await wipe(lease, [fresh])
  await mkdir(fresh, { mode: 0o755 })
  await chmod(fresh, 0o755)
  if (from === undefined) await copyFromImage(lease, fresh, path, noCopy === true, first)
  else await unpack(lease, volume, fresh, from, first)
  await rename(fresh, target)
}

/**
 * Removes volumes that were made for an archive, aren't among `names`, and are mounted by none of those
 * containers.
 */
export async function keepVolumes(
  lease: Lease,
  names: readonly string[],
  mounted: readonly string[],
): Promise<void> {
  const kept = new Set([...names, ...mounted])
  const all = await readdir(volumeFolder(lease)).catch(() => [])
  const gone = all.filter((name) => isOfArchive(name) && !kept.has(name))
  if (gone.length > 0)
    await wipe(
      lease,
      gone.map((name) => join(volumeFolder(lease), name)),
    )
}

async function unpack(
  lease: Lease,
  volume: string,
  folder: string,
  from: VolumeContent,
  { user: { uid, gid }, leaseDiskMiB }: FirstContainer,
): Promise<void> {
  const limits = volumeLimits(leaseDiskMiB, leaseDiskMiB === undefined ? 0 : await lease.disk.usedBytes())
  const start = await lease.firstId()
  const owner = IS_ROOT ? { uid: start + uid, gid: start + gid } : undefined
  const ids = { first: start, count: ID_COUNT }
  const isStaged = typeof from !== 'string'
  // Owners of any number are the containers' root's to give, where we aren't the machine's.
  const prefix = isStaged ? await lease.charged([]) : lease.inGroup([])
  try {
    await fillVolume(
      volume,
      { from, limits, into: { folder, owner, ids } },
      { charged: (command) => [...prefix, ...command] },
    )
    // What we may not give away ourselves, the root of the lease's containers may.
    if (!owner && !isStaged && uid + gid > 0)
      await run(await lease.charged(['chown', '-hR', '--', `${uid}:${gid}`, folder]), {
        timeoutMs: PATIENCE_MS,
      })
    // A machine that goes down must not leave files of a whole volume without their content.
    await run(lease.inGroup(['sync', '-f', '--', volumeFolder(lease)]), { timeoutMs: PATIENCE_MS })
  } catch (error) {
    await wipe(lease, [folder])
    throw error
  }
}

async function copyFromImage(
  lease: Lease,
  fresh: string,
  path: string,
  empty: boolean,
  { root, seen, user }: FirstContainer,
): Promise<void> {
  const below = await resolveInRoot(seen, path)
  const stat = await lstat(join(seen, below)).catch(() => undefined)
  const names = stat?.isDirectory() && !empty ? await readdir(join(seen, below)) : []
  if (names.length > 0)
    await run(await lease.charged(['cp', '-a', '--', `${join(root, below)}/.`, fresh]), {
      timeoutMs: PATIENCE_MS,
    })
  const first = await lease.firstId()
  const own = stat?.isDirectory() && (names.length > 0 || stat.uid !== first) ? stat : undefined
  if (own) await run(await lease.asOwner(['chmod', (own.mode & 0o7777).toString(8), fresh]))
  if (!own) await lease.give(fresh, user.uid, user.gid)
  else if (IS_ROOT) await lease.give(fresh, idIn(first, own.uid), idIn(first, own.gid))
}

/** Names of the volumes that hold what was written. */
export async function volumeNames(lease: Lease): Promise<string[]> {
  const all = await readdir(volumeFolder(lease)).catch(() => [])
  return all.filter((name) => !name.startsWith('.') && !isOfArchive(name)).sort()
}

async function wipe(lease: Lease, paths: readonly string[]): Promise<void> {
  await run(await lease.charged(['rm', '-rf', '--one-file-system', '--', ...paths]), {
    timeoutMs: PATIENCE_MS,
  })
}

/** An owner's id as the container has it; those that it has none for are nobody's. */
function idIn(first: number, id: number): number {
  return id >= first && id < first + ID_COUNT ? id - first : ID_COUNT - 2
}
