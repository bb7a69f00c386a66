import { randomBytes } from 'node:crypto'
import { existsSync, statfsSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { unavailable } from '@cloister/images'
import type { UnpackLimits } from './image-root.ts'
import { forgetUnshared } from './shared-files.ts'

const GIB = 1024 ** 3
/**
 * Who looks at one image shouldn't see another removed that was brought a moment ago and is about to be
 * started.
 */
const FRESH_MS = 3_600_000
const USES = '.uses'

/**
 * Of the disk that images lie on: what is left to leases whatever images take, and below what free images
 * have to go.
 */
const RESERVE = { part: 10, mostBytes: 5 * GIB }
const CLEAR_BELOW = { part: 4, mostBytes: 20 * GIB }

const WATCH_MS = 500

/** Bytes of the disk that are set aside. */
interface RoomPromise {
  /** So many are on the disk now. */
  written(bytes: number): void
  /** No more come. */
  end(): void
}

/** What a container of a lease runs. */
interface Use {
  /** Name of the image's folder. */
  image: string
  /** The lease's folder: while it is there, the lease is. */
  lease: string
}

/** Large files that images of the provider's own share, in the folder of images. */
export function sharedFolder(images: string): string {
  return join(images, '.shared')
}

/**
 * Keeps unpacked images from taking the disk that leases pay for. Nobody pays for an image: it stays as long
 * as there is room, and goes, the one that was pulled longest ago first, once no container of any lease runs
 * it. Several workers may share the folder.
 */
export class ImageRoom {
  private readonly folder: string
  /** Bytes that downloads of this process are still to write. */
  private promised = 0

  constructor(folder: string) {
    this.folder = folder
  }

  /** Says that a container runs an image, in place of what it ran before. */
  async hold(image: string, lease: string, container: string): Promise<void> {
    await mkdir(join(this.folder, USES), { recursive: true, mode: 0o700 })
    const path = this.useOf(lease, container)
    const fresh = `${path}.${randomBytes(4).toString('hex')}.new`
    await writeFile(fresh, JSON.stringify({ image, lease } satisfies Use))
    await rename(fresh, path)
  }

  /** Says that a container is no more. */
  async release(lease: string, container: string): Promise<void> {
    await rm(this.useOf(lease, container), { force: true })
  }

  /**
   * What an image may unpack to at most, after making room. Throws `image-unavailable` where there is none.
   */
  async limits(most: UnpackLimits): Promise<UnpackLimits> {
    if (this.free().bytes < this.share(CLEAR_BELOW)) await this.clear()
    const { bytes, files } = this.free()
    const left = bytes - this.share(RESERVE)
    if (left <= 0) throw noRoom()
    return { bytes: Math.min(most.bytes, left), entries: Math.min(most.entries, files) }
  }

  /** Sets bytes aside for a download, after making room. Throws `image-unavailable` where there is none. */
  async promise(bytes: number): Promise<RoomPromise> {
    if (this.free().bytes < this.share(CLEAR_BELOW)) await this.clear()
    // Nothing happens between the look and the promise, so that two downloads never count on the same bytes.
    if (bytes > this.free().bytes - this.share(RESERVE)) throw noRoom()
    let left = bytes
    const give = (count: number) => {
      const given = Math.min(count, left)
      left -= given
      this.promised -= given
    }
    this.promised += bytes
    return { written: give, end: () => give(left) }
  }

  /**
   * Fails once images have taken what is left to leases, as several that unpack at one time could. Ends with
   * the signal.
   */
  watch(signal: AbortSignal, everyMs: number = WATCH_MS): Promise<never> {
    return new Promise((_, reject) => {
      const timer = setInterval(() => {
        if (this.free().bytes < this.share(RESERVE)) reject(noRoom())
      }, everyMs)
      const stop = () => clearInterval(timer)
      if (signal.aborted) stop()
      else signal.addEventListener('abort', stop, { once: true })
    })
  }

  /** Removes images that nothing runs, until enough is free. */
  private async clear(): Promise<void> {
    const used = await this.used()
    const enough = this.share(CLEAR_BELOW)
    for (const { name, pulledAt } of await this.images()) {
      if (used.has(name) || Date.now() - pulledAt < FRESH_MS) continue
      await this.remove(name)
      if (this.free().bytes >= enough) return
    }
  }

  /** Gone from its name at once, so that nobody begins with half of it. */
  private async remove(name: string): Promise<void> {
    const aside = join(this.folder, `.work-${randomBytes(8).toString('hex')}`)
    await rename(join(this.folder, name), aside).catch(() => {})
    await rm(join(this.folder, `${name}.json`), { force: true })
    if (!existsSync(aside)) return
    await chmod(aside, 0o700)
    await rm(aside, { recursive: true, force: true, maxRetries: 3 })
    forgetUnshared(sharedFolder(this.folder))
  }

  private async images(): Promise<{ name: string; pulledAt: number }[]> {
    const names = (await readdir(this.folder)).filter((name) => /^sha256-[0-9a-f]{64}$/.test(name))
    const all = await Promise.all(
      names.map(async (name) => ({
        name,
        // An image without a description is one that another process has unpacked just now, or left.
        pulledAt: (await stat(join(this.folder, `${name}.json`)).catch(() => stat(join(this.folder, name))))
          .mtimeMs,
      })),
    )
    return all.sort((one, other) => one.pulledAt - other.pulledAt)
  }

  private async used(): Promise<Set<string>> {
    const used = new Set<string>()
    for (const name of await readdir(join(this.folder, USES)).catch(() => [])) {
      const path = join(this.folder, USES, name)
      const text = await readFile(path, 'utf8').catch(() => undefined)
      if (text === undefined || name.endsWith('.new')) continue
      const { image, lease } = JSON.parse(text) as Use
      if (existsSync(lease)) used.add(image)
      else await rm(path, { force: true })
    }
    return used
  }

  private useOf(lease: string, container: string): string {
    return join(this.folder, USES, `${lease.split('/').at(-1)}.${container}`)
  }

  /** What is free and not promised. */
  private free(): { bytes: number; files: number } {
    const { bavail, bsize, files, ffree } = statfsSync(this.folder)
    // File systems that make room for files as they come have none to count.
    return {
      bytes: bavail * bsize - this.promised,
      files: files > 0 ? Math.floor(ffree / 2) : Number.MAX_SAFE_INTEGER,
    }
  }

  private share({ part, mostBytes }: typeof RESERVE): number {
    const { blocks, bsize } = statfsSync(this.folder)
    return Math.min((blocks * bsize) / part, mostBytes)
  }
}

function noRoom(): Error {
  return unavailable("the worker's disk has no room for it")
}
