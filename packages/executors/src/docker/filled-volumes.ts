import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type Docker from 'dockerode'
import type { VolumeContent } from '../executor.ts'
import type { UnpackLimits } from '../oci/image-root.ts'
import { findUser } from '../user-tables.ts'
import { cannotBegin, fillVolume } from '../volumes/fill.ts'
import { type ReadVolumeOptions, readVolumeApart } from '../volumes/read.ts'
import { stagedOwner } from '../volumes/staged-entries.ts'
import type { Owner } from '../volumes/volume-archive.ts'
import { ignoring, statusOf } from './failures.ts'
import { readTable } from './tables.ts'

/** Where a container that is never started has the volume, so that the engine writes into it for us. */
const FOLDER = '/.cloister-filling'
const VOLUME = 'volume'
/** Users of an image's table; a number of the kernel's has 32 bits, and its last one means nobody. */
const ID_COUNT = 2 ** 32 - 1

/** A volume as a container needs it. */
export interface WantedVolume {
  /** The engine's name for it. */
  name: string
  /** As the lease calls it. */
  called: string
  labels: Record<string, string>
  /** A file that is there while the volume is being filled, and after that was broken off. */
  mark: string
  /** What it begins with, if it isn't there yet; nothing for one that the engine fills. */
  begin?: {
    from: VolumeContent
    /** Name of the container's image in the engine, and its user. */
    image: () => Promise<string>
    user: string
    limits: () => Promise<UnpackLimits>
  }
}

/** What of a volume a container that is never started needs. */
type HelpedVolume = Pick<WantedVolume, 'name' | 'labels'> & { helper?: string }

/**
 * Volumes of an engine that begin with an archive. The engine itself writes it, through its interface for
 * archives, into a container that is never started and has the volume alone; every header was written by us.
 * The engine has no volume that appears whole or not at all: a file marks one that isn't whole yet, which
 * begins anew.
 */
export class FilledVolumes {
  private readonly docker: Docker
  private readonly socketPath: string
  private readonly podman: boolean
  private readonly busy = new Map<string, Promise<void>>()

  constructor(docker: Docker, { socketPath, podman }: { socketPath: string; podman: boolean }) {
    this.docker = docker
    this.socketPath = socketPath
    this.podman = podman
  }

  /**
   * Makes a volume that isn't there yet; one after the other for whoever wants the same. Throws
   * `start-failed`.
   */
  async ensure(volume: WantedVolume): Promise<void> {
    const before = this.busy.get(volume.name) ?? Promise.resolve()
    const work = before.catch(() => {}).then(() => this.make(volume))
    this.busy.set(volume.name, work)
    try {
      await work
    } finally {
      if (this.busy.get(volume.name) === work) this.busy.delete(volume.name)
    }
  }

  /**
   * Reads a volume through the engine's interface for archives: the engine goes by the volume's own root, and
   * follows no link out of it. `image` is any that the lease has. Podman's interface gives all of it to root:
   * there the folder is read itself. Throws `read-failed`.
   */
  async read(
    volume: Pick<WantedVolume, 'name' | 'called' | 'labels'>,
    image: string,
    options: ReadVolumeOptions,
  ): Promise<void> {
    if (this.podman) {
      const { Mountpoint: folder } = await this.docker.getVolume(volume.name).inspect()
      return readVolumeApart(volume.called, { folder, firstId: 0 }, options, { charged: nicely })
    }
    const helped = { ...volume, helper: `reading-${randomBytes(4).toString('hex')}` }
    const binds = [`${volume.name}:${FOLDER}/${VOLUME}:ro,nocopy`]
    await this.withHelper(
      helped,
      async () => image,
      binds,
      async (helper) => {
        const archive = (await helper.getArchive({ path: `${FOLDER}/${VOLUME}` })) as Readable
        const input = (into: Writable) => void pipeline(archive, into).catch(() => {})
        await readVolumeApart(volume.called, { strip: 1 }, options, { input, charged: nicely }).finally(() =>
          archive.destroy(),
        )
      },
    )
  }

  private async make(volume: WantedVolume): Promise<void> {
    const { name, labels, mark, begin } = volume
    if (existsSync(mark)) await this.forget(volume)
    if (!begin) return void (await this.docker.createVolume({ Name: name, Labels: labels }))
    if (await this.isThere(name)) return
    await mkdir(dirname(mark), { recursive: true, mode: 0o700 })
    await writeFile(mark, '')
    try {
      await this.fill(volume, begin)
    } catch (error) {
      await this.forget(volume)
      throw error
    }
    await rm(mark, { force: true })
  }

  private async fill(volume: WantedVolume, begin: NonNullable<WantedVolume['begin']>): Promise<void> {
    const { name, called, labels } = volume
    const owner =
      typeof begin.from === 'string'
        ? await this.ownerOf(volume, begin)
        : await stagedOwner(begin.from.staged)
    await this.docker.createVolume({
      Name: name,
      Labels: labels,
      // Podman would give a volume's folder to the user of the first container that starts with it.
      ...(this.podman && { DriverOpts: { o: `uid=${owner.uid},gid=${owner.gid}` } }),
    })
    const limits = await begin.limits()
    await this.withHelper(volume, begin.image, [`${name}:${FOLDER}/${VOLUME}:rw,nocopy`], async (helper) => {
      // Docker leaves the folder that it writes to as it is; Podman finds a volume by its own path alone.
      const [prefix, path] = this.podman ? ['.', `${FOLDER}/${VOLUME}`] : [VOLUME, FOLDER]
      const refused = new AbortController()
      let writing: Promise<void> = Promise.resolve()
      const output = (bytes: Readable) => {
        writing = helper.putArchive(bytes, { path }).then(() => {})
        // One that was cut short is refused, too; why it was is told by who wrote it.
        writing.catch((cause) => bytes.readableEnded || refused.abort(refusal(called, cause)))
      }
      const order = { from: begin.from, limits, into: { prefix, owner } }
      await fillVolume(called, order, { output, signal: refused.signal })
      await writing.catch((cause) => {
        throw refusal(called, cause)
      })
    })
  }

  /** The user that an image's own tables give. */
  private async ownerOf(
    volume: WantedVolume,
    { image, user }: NonNullable<WantedVolume['begin']>,
  ): Promise<Owner> {
    return this.withHelper(volume, image, [], async (helper) => {
      const read = (path: string) => readTable(this.socketPath, helper, path)
      const tables = { passwd: await read('/etc/passwd'), group: await read('/etc/group') }
      const { uid, gid } = findUser(tables, user, [], ID_COUNT)
      return { uid, gid }
    })
  }

  /** Does something with a container that is never started. */
  private async withHelper<T>(
    volume: HelpedVolume,
    image: () => Promise<string>,
    binds: string[],
    work: (helper: Docker.Container) => Promise<T>,
  ): Promise<T> {
    await this.removeHelper(volume)
    const helper = await this.docker.createContainer({
      name: helperOf(volume),
      Image: await image(),
      Entrypoint: ['/'],
      Cmd: [],
      Labels: volume.labels,
      HostConfig: { NetworkMode: 'none', Binds: binds },
    })
    try {
      return await work(helper)
    } finally {
      await this.removeHelper(volume)
    }
  }

  private removeHelper(volume: HelpedVolume): Promise<void> {
    return ignoring([404], this.docker.getContainer(helperOf(volume)).remove({ force: true, v: true }))
  }

  private async forget(volume: WantedVolume): Promise<void> {
    await this.removeHelper(volume)
    await ignoring([404], this.docker.getVolume(volume.name).remove())
    await rm(volume.mark, { force: true })
  }

  private isThere(name: string): Promise<boolean> {
    return this.docker
      .getVolume(name)
      .inspect()
      .then(
        () => true,
        (error) => {
          if (statusOf(error) === 404) return false
          throw error
        },
      )
  }
}

function helperOf({ name, helper = 'filling' }: HelpedVolume): string {
  return `${name}.${helper}`
}

/** Reading is nothing that others wait for. */
function nicely(command: string[]): string[] {
  return ['nice', '-n', '10', ...command]
}

function refusal(volume: string, cause: unknown): Error {
  const isFull = /no space left|quota exceeded/i.test(String(cause))
  return cannotBegin(volume, isFull ? "the worker's disk is full" : 'the container engine refuses it', cause)
}
