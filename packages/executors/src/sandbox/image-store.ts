import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Descriptor, type ImageSource, inTime, type ResolvedImage, resolveImage } from '@cloister/images'
import type { Image, PullOptions, PullProgress } from '../executor.ts'
import { downloadBytes, fetchLayers } from '../oci/download.ts'
import { findImage, type ImageSettings, PULL_MS } from '../oci/find.ts'
import { describeImage } from '../oci/image.ts'
import { ImageRoom, sharedFolder } from '../oci/image-room.ts'
import { UNPACK_LIMITS, type UnpackOrder, unpackLayers } from '../oci/unpack.ts'
import { ImagePulls } from './image-pulls.ts'

/** A folder of work that nobody has touched for so long was left by a process that died. */
const ABANDONED_MS = 24 * 3_600_000

/** Images that are unpacked at one time. */
const MAX_UNPACKING = 4

/**
 * Unpacked images by digest. Several processes may share one folder: an image appears whole or not at all.
 */
export class ImageStore {
  private readonly folder: string
  private readonly settings: ImageSettings
  private readonly pulls = new ImagePulls()
  private readonly charged: (command: string[]) => string[]
  private unpacking = 0
  private readonly queue: (() => void)[] = []
  readonly room: ImageRoom

  /** `charged` is given the command that unpacks, and puts it where limits are. */
  constructor(
    folder: string,
    settings: ImageSettings,
    charged: (command: string[]) => string[] = (command) => command,
  ) {
    this.folder = folder
    this.settings = settings
    this.charged = charged
    this.room = new ImageRoom(folder)
  }

  /** Brings an image into the store; nothing stays of one that can't be had. Throws `image-unavailable`. */
  async pull(reference: string, options: PullOptions = {}): Promise<Image> {
    const { progress, signal } = options
    const { source, place, wanted, isOwn, close } = await findImage(reference, options, this.settings)
    let isBringing = false
    try {
      const resolved = await resolveImage(source, wanted, { signal, documentMs: this.settings.documentMs })
      signal?.throwIfAborted()
      const image = describeImage(reference, resolved.digest, resolved.config)
      const target = this.rootOf(image.digest)
      const isThere = () => existsSync(target)
      const bring = (tell: (progress: PullProgress) => void, until: AbortSignal) => {
        isBringing = true
        const pool = isOwn ? sharedFolder(this.folder) : undefined
        const work = (both: AbortSignal) => this.bring(source, resolved, target, pool, tell, both)
        return inTime(this.settings.pullMs ?? PULL_MS, 'it takes too long to come', until, work).finally(
          close,
        )
      }
      if (!isThere()) await this.pulls.wait({ digest: image.digest, place, progress, signal, isThere, bring })
      await writeFile(`${target}.json`, JSON.stringify(image), { mode: 0o600 })
      return image
    } finally {
      // Others may wait for what comes from here when nobody waits here any more.
      if (!isBringing) close()
    }
  }

  /** The unpacked root of an image. */
  rootOf(digest: string): string {
    return join(this.folder, digest.replace(':', '-'))
  }

  private async bring(
    source: ImageSource,
    { manifest }: ResolvedImage,
    target: string,
    pool: string | undefined,
    tell: (progress: PullProgress) => void,
    signal: AbortSignal,
  ) {
    await openImageFolder(this.folder)
    await this.removeAbandoned()
    const total = downloadBytes(manifest.layers)
    const room = await this.room.promise(source.fileOf ? 0 : total)
    const work = join(this.folder, `.work-${randomBytes(8).toString('hex')}`)
    try {
      await mkdir(work, { mode: 0o700 })
      let written = 0
      const count = (bytes: number) => {
        room.written(bytes - written)
        written = bytes
        tell({ step: 'downloading', bytes, total })
      }
      const layers = await fetchLayers(source, manifest.layers, join(work, 'layers'), count, signal)
      const root = join(work, 'root')
      await this.inTurn(signal, () =>
        this.unpack({ folder: root, layers, pool }, manifest.layers, tell, signal),
      )
      await rename(root, target).catch((error) => {
        // Another process was faster.
        if (!existsSync(target)) throw error
      })
    } finally {
      // A failure to tidy up must not hide why the pull failed; what stays is removed by a later one.
      await removeTree(work).catch(() => {})
      room.end()
    }
  }

  private async unpack(
    what: Omit<UnpackOrder, 'limits'>,
    descriptors: readonly Descriptor[],
    tell: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const total = descriptors.reduce((sum, { size }) => sum + size, 0)
    const order = { ...what, limits: await this.room.limits(this.settings.limits ?? UNPACK_LIMITS) }
    const full = new AbortController()
    const ended = new AbortController()
    void this.room.watch(ended.signal).catch((error) => full.abort(error))
    try {
      await unpackLayers(order, {
        progress: (bytes) => tell({ step: 'unpacking', bytes, total }),
        signal: AbortSignal.any([signal, full.signal]),
        charged: this.charged,
        ...(this.settings.unpackMs !== undefined && { timeoutMs: this.settings.unpackMs }),
      })
    } finally {
      ended.abort()
    }
  }

  /** A few at a time, however many leases there are. */
  private async inTurn(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    signal.throwIfAborted()
    if (this.unpacking >= MAX_UNPACKING) await this.queued(signal)
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

  /** Returns once a place is handed over. Whoever doesn't want it any more leaves the queue. */
  private queued(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const take = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        this.queue.splice(this.queue.indexOf(take), 1)
        reject(signal.reason)
      }
      this.queue.push(take)
      signal.addEventListener('abort', leave, { once: true })
    })
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
 * Makes the folder of images, and keeps this machine's other users out: images have set-user-id programs
 * that strangers wrote, owned by the very root of this machine, and what private registries gave.
 */
export async function openImageFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
}

async function removeTree(path: string): Promise<void> {
  await chmod(path, 0o700)
  await rm(path, { recursive: true, force: true, maxRetries: 3 })
}
