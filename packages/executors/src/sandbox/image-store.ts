import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Image, PullOptions, PullProgress } from '../executor.ts'
import { fetchLayers } from '../oci/download.ts'
import { findImage, type ImageSettings } from '../oci/find.ts'
import { describeImage } from '../oci/image.ts'
import { type ImageSource, type ResolvedImage, resolveImage } from '../oci/source.ts'
import { UNPACK_LIMITS, unpackLayers } from '../oci/unpack.ts'
import { ImageRoom } from './image-room.ts'

/** A folder of work that nobody has touched for so long was left by a process that died. */
const ABANDONED_MS = 24 * 3_600_000

/** Images that are unpacked at one time. */
const MAX_UNPACKING = 4

/** One pull of an image that several wait for: it is ended once nobody does any more. */
interface Pulling {
  done: Promise<void>
  aborter: AbortController
  listeners: Set<(progress: PullProgress) => void>
}

/** Unpacked images by digest. Several processes may share one folder: an image appears whole or not at all. */
export class ImageStore {
  private readonly folder: string
  private readonly settings: ImageSettings
  private readonly running = new Map<string, Pulling>()
  private readonly charged: (command: string[]) => string[]
  private unpacking = 0
  private readonly queue: (() => void)[] = []
  readonly room: ImageRoom

  /** `charged` is given the command that unpacks, and puts it where limits are. */
  constructor(folder: string, settings: ImageSettings, charged: (command: string[]) => string[] = (command) => command) {
    this.folder = folder
    this.settings = settings
    this.charged = charged
    this.room = new ImageRoom(folder)
  }

  /** Brings an image into the store; nothing stays of one that can't be had. Throws `image-unavailable`. */
  async pull(reference: string, { credentials, progress, signal }: PullOptions = {}): Promise<Image> {
    const { source, wanted, close } = await findImage(reference, credentials, this.settings)
    try {
      const resolved = await resolveImage(source, wanted)
      signal?.throwIfAborted()
      const image = describeImage(reference, resolved.digest, resolved.config)
      const target = this.rootOf(image.digest)
      if (!existsSync(target)) await this.join(image.digest, source, resolved, progress, signal)
      await writeFile(`${target}.json`, JSON.stringify(image), { mode: 0o600 })
      return image
    } finally {
      close()
    }
  }

  /** The unpacked root of an image. */
  rootOf(digest: string): string {
    return join(this.folder, digest.replace(':', '-'))
  }

  /** Waits for the pull of an image, of which there is one at a time. */
  private async join(
    digest: string,
    source: ImageSource,
    resolved: ResolvedImage,
    progress: ((progress: PullProgress) => void) | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const pulling = this.running.get(digest) ?? this.begin(digest, source, resolved)
    const listener = progress ?? (() => {})
    pulling.listeners.add(listener)
    const leave = () => {
      pulling.listeners.delete(listener)
      if (pulling.listeners.size === 0) pulling.aborter.abort()
    }
    signal?.addEventListener('abort', leave, { once: true })
    try {
      await pulling.done
      signal?.throwIfAborted()
    } finally {
      signal?.removeEventListener('abort', leave)
      pulling.listeners.delete(listener)
    }
  }

  private begin(digest: string, source: ImageSource, resolved: ResolvedImage): Pulling {
    const aborter = new AbortController()
    const listeners = new Set<(progress: PullProgress) => void>()
    const tell = (progress: PullProgress) => {
      for (const listener of listeners) listener(progress)
    }
    const done = this.bring(source, resolved, this.rootOf(digest), tell, aborter.signal).finally(() => this.running.delete(digest))
    const pulling = { done, aborter, listeners }
    this.running.set(digest, pulling)
    return pulling
  }

  private async bring(source: ImageSource, { manifest }: ResolvedImage, target: string, tell: (progress: PullProgress) => void, signal: AbortSignal) {
    await openImageFolder(this.folder)
    await this.removeAbandoned()
    const work = join(this.folder, `.work-${randomBytes(8).toString('hex')}`)
    await mkdir(work, { mode: 0o700 })
    const total = [...new Map(manifest.layers.map(({ digest, size }) => [digest, size])).values()].reduce((sum, size) => sum + size, 0)
    const packed = manifest.layers.reduce((sum, { size }) => sum + size, 0)
    try {
      const layers = await fetchLayers(source, manifest.layers, join(work, 'layers'), (bytes) => tell({ step: 'downloading', bytes, total }), signal)
      const root = join(work, 'root')
      await this.inTurn(async () => {
        signal.throwIfAborted()
        const order = { folder: root, layers, limits: await this.room.limits(this.settings.limits ?? UNPACK_LIMITS) }
        await unpackLayers(order, { progress: (bytes) => tell({ step: 'unpacking', bytes, total: packed }), signal, charged: this.charged })
      })
      await rename(root, target).catch((error) => {
        // Another process was faster.
        if (!existsSync(target)) throw error
      })
    } finally {
      // A failure to tidy up must not hide why the pull failed; what stays is removed by a later one.
      await removeTree(work).catch(() => {})
    }
  }

  /** A few at a time, however many leases there are. */
  private async inTurn(work: () => Promise<void>): Promise<void> {
    if (this.unpacking >= MAX_UNPACKING) await new Promise<void>((resolve) => this.queue.push(resolve))
    else this.unpacking++
    try {
      await work()
    } finally {
      // Whoever waits takes this place over.
      const next = this.queue.shift()
      if (next) next()
      else this.unpacking--
    }
  }

  private async removeAbandoned(): Promise<void> {
    for (const name of await readdir(this.folder)) {
      if (!name.startsWith('.work-')) continue
      const path = join(this.folder, name)
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }))
      if (Date.now() - mtimeMs > ABANDONED_MS) await removeTree(path).catch(() => {})
    }
  }
}

/**
 * Makes the folder of images, and keeps this machine's other users out: images have set-user-id programs that strangers wrote, owned by
 * the very root of this machine, and what private registries gave.
 */
export async function openImageFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
}

async function removeTree(path: string): Promise<void> {
  await chmod(path, 0o700)
  await rm(path, { recursive: true, force: true, maxRetries: 3 })
}
