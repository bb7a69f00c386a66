import { join } from 'node:path'
import { CloisterError } from '@cloister/core'
import type Docker from 'dockerode'
import type { ContainerSpec, Image } from '../executor.ts'
import { noVolume } from '../failures.ts'
import type { UnpackLimits } from '../oci/image-root.ts'
import { volumeLimits } from '../volumes/fill.ts'
import { isOfArchive } from '../volumes/names.ts'
import type { ReadVolumeOptions } from '../volumes/read.ts'
import { ignoring } from './failures.ts'
import type { FilledVolumes } from './filled-volumes.ts'
import type { Found } from './found.ts'
import type { Names } from './names.ts'

/** What volumes of leases need of their engine. */
interface LeaseVolumesParts {
  docker: Docker
  names: Names
  found: Found
  filled: FilledVolumes
  /** What the engine calls an image. */
  nameOfImage(image: Image): Promise<string>
  diskUsage(lease: string): Promise<number>
}

/** Volumes of leases: of their own, and those that hold what came beside a manifest. */
export class LeaseVolumes {
  private readonly parts: LeaseVolumesParts

  constructor(parts: LeaseVolumesParts) {
    this.parts = parts
  }

  async keep(lease: string, names: readonly string[]): Promise<void> {
    const kept = new Set(names.map((name) => this.parts.names.nameOf(lease, name)))
    for (const { Name } of await this.parts.found.volumesOf(lease))
      if (isOfArchive(Name) && !kept.has(Name))
        // One that is mounted stays.
        await ignoring([404, 409], this.parts.docker.getVolume(Name).remove())
  }

  async list(lease: string): Promise<string[]> {
    const prefix = this.parts.names.nameOf(lease, '')
    const names = (await this.parts.found.volumesOf(lease)).map(({ Name }) => Name)
    return names
      .filter((name) => name.startsWith(prefix) && !isOfArchive(name))
      .map((name) => name.slice(prefix.length))
      .sort()
  }

  async read(lease: string, volume: string, options: ReadVolumeOptions): Promise<void> {
    if (!(await this.list(lease)).includes(volume)) throw noVolume(volume)
    // Nothing of the image is read, nor run: whichever there is does.
    const [container] = await this.parts.found.containersOf(lease)
    const image = container?.ImageID ?? (await this.parts.docker.listImages())[0]?.Id
    if (image === undefined) throw new CloisterError('not-running', 'No image is there to read volumes by.')
    const place = {
      name: this.parts.names.nameOf(lease, volume),
      called: volume,
      labels: this.parts.names.labels(lease),
    }
    await this.parts.filled.read(place, image, options)
  }

  /** Makes a volume that isn't there, and fills it where it begins with something. */
  ensure(
    { lease, image, user, leaseDiskMiB }: ContainerSpec,
    { volume, from }: ContainerSpec['mounts'][number],
  ): Promise<void> {
    return this.parts.filled.ensure({
      name: this.parts.names.nameOf(lease, volume),
      called: volume,
      labels: this.parts.names.labels(lease),
      mark: join(this.parts.names.folderOf(lease), '.filling', volume),
      ...(from !== undefined && {
        begin: {
          from,
          image: () => this.parts.nameOfImage(image),
          user,
          limits: () => this.volumeLimits(lease, leaseDiskMiB),
        },
      }),
    })
  }

  private async volumeLimits(lease: string, diskMiB: number | undefined): Promise<UnpackLimits> {
    return volumeLimits(diskMiB, diskMiB === undefined ? 0 : await this.parts.diskUsage(lease))
  }
}
