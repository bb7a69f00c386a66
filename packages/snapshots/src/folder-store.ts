import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { SnapshotStore, StoredObject } from './store.ts'

/** How names begin that are being written. */
const COMING = '.coming-'

/** Snapshots in a folder of this machine's. */
export class FolderStore implements SnapshotStore {
  readonly place: string

  constructor(folder: string) {
    this.place = folder
  }

  async list(folder: string): Promise<StoredObject[]> {
    const path = join(this.place, folder)
    const found: StoredObject[] = []
    for (const name of await readdir(path).catch(() => [])) {
      if (name.startsWith(COMING)) continue
      const there = await stat(join(path, name)).catch(() => undefined)
      if (there?.isFile())
        found.push({ name: `${folder}/${name}`, bytes: there.size, modifiedAt: there.mtimeMs })
    }
    return found
  }

  async read(name: string, part?: { offset: number; bytes: number }): Promise<Buffer | undefined> {
    const path = join(this.place, name)
    try {
      if (!part) return await readFile(path)
      const file = await open(path, 'r')
      try {
        const bytes = Buffer.alloc(part.bytes)
        const { bytesRead } = await file.read(bytes, 0, part.bytes, part.offset)
        return bytes.subarray(0, bytesRead)
      } finally {
        await file.close()
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.place, name)
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const fresh = join(dirname(path), `${COMING}${randomBytes(8).toString('hex')}`)
    try {
      await writeFile(fresh, bytes, { mode: 0o600, flush: true })
      await rename(fresh, path)
    } catch (error) {
      await rm(fresh, { force: true })
      throw error
    }
  }

  remove(name: string): Promise<void> {
    return rm(join(this.place, name), { force: true })
  }
}
