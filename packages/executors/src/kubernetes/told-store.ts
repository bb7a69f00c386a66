import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ContainerSpec, VolumeContent } from '../executor.ts'
import type { Pod } from './api-types.ts'
import { preparation, type Told } from './told.ts'
import { volumesOf } from './user.ts'

/** What a volume begins with: what was sent, or what the image has at a path, or nothing. */
interface Beginning {
  volume: string
  from?: VolumeContent | undefined
  path: string
  noCopy?: true | undefined
}

/** What a container was begun with: its pod, and what its commands are begun with. */
export interface Kept {
  pod: Pod
  told: Told
  stopSignal: string
  /** With what its volumes begin, in the order in which its pod's first process has them. */
  begins?: Beginning[]
  /** Whose a fresh volume is, as the manifest or the image names them. */
  user?: string
  diskMiB?: number | undefined
}

/**
 * What containers are told, on the worker's own disk beside its leases: a container that is started again, or
 * taken up after a crash of the worker, is told the same, and the cluster keeps none of it.
 */
export class ToldStore {
  private readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  /** Keeps what a container is told, whole or not at all. */
  async keep(spec: ContainerSpec, pod: Pod): Promise<void> {
    const place = this.placeOf(spec.lease, spec.name)
    const fresh = `${place}.${randomUUID()}`
    await mkdir(fresh, { recursive: true, mode: 0o700 })
    try {
      const { argv, env, workingDir, ulimits, stopSignal, user, leaseDiskMiB: diskMiB } = spec
      const told = { argv, env, workingDir, ulimits }
      const kept: Kept = { pod, told, stopSignal, begins: beginsOf(spec), user, diskMiB }
      await writeFile(join(fresh, 'kept.json'), JSON.stringify(kept), { mode: 0o600 })
      const file = await open(join(fresh, 'orders'), 'w', 0o600)
      try {
        for await (const order of preparation(spec)) await file.write(order)
      } finally {
        await file.close()
      }
      await rm(place, { recursive: true, force: true })
      await rename(fresh, place)
    } catch (error) {
      await rm(fresh, { recursive: true, force: true })
      throw error
    }
  }

  /** Undefined where nothing is kept of it. */
  async read(lease: string, name: string): Promise<Kept | undefined> {
    const text = await readFile(join(this.placeOf(lease, name), 'kept.json'), 'utf8').catch(() => undefined)
    return text === undefined ? undefined : (JSON.parse(text) as Kept)
  }

  /** The orders for the first process of its pod. */
  orders(lease: string, name: string): AsyncIterable<Buffer> {
    return createReadStream(join(this.placeOf(lease, name), 'orders'), { highWaterMark: 256 * 1024 })
  }

  async forget(lease: string, name?: string): Promise<void> {
    const place = name === undefined ? this.folderOf(lease) : this.placeOf(lease, name)
    await rm(place, { recursive: true, force: true })
  }

  private folderOf(lease: string): string {
    return join(this.folder, short(lease))
  }

  private placeOf(lease: string, name: string): string {
    return join(this.folderOf(lease), short(name))
  }
}

function beginsOf(spec: ContainerSpec): Beginning[] {
  return volumesOf(spec).flatMap((volume) => {
    const mounts = spec.mounts.filter((mount) => mount.volume === volume)
    const first = mounts.find(({ from }) => from !== undefined) ?? mounts[0]
    return first ? [{ volume, from: first.from, path: first.path, noCopy: first.noCopy }] : []
  })
}

function short(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 24)
}
