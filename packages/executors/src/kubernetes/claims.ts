import type { ContainerSpec } from '../executor.ts'
import { isOfArchive } from '../volumes/names.ts'
import type { ApiList, ApiObject, Claim } from './api-types.ts'
import type { Cluster } from './cluster.ts'
import { failed, ignoring, statusOf } from './failures.ts'
import { pulledBy } from './images.ts'
import { claimName, LABEL, leaseLabels, namespaceOf } from './names.ts'
import { bytesOf } from './quantity.ts'

const ALREADY = 409
const MIB = 1024 * 1024
/** Notes of a claim: its name in the manifest, an image that machines can run beside it, whether it waits. */
const VOLUME = `${LABEL}/volume`
const IMAGE = `${LABEL}/image`
const WAITS = `${LABEL}/waits-for-content`

/** A lease's volumes: claims on storage of one class. Each may hold as much as the whole lease pays for. */
export class Claims {
  private readonly cluster: Cluster
  private readonly settings: { scope: string; storageClass?: string | undefined }
  /** The last filling of each claim: whoever wants the same waits. */
  private readonly filling = new Map<string, Promise<void>>()

  constructor(cluster: Cluster, settings: { scope: string; storageClass?: string | undefined }) {
    this.cluster = cluster
    this.settings = settings
  }

  /** Makes those that a container mounts and that aren't there. */
  async ensure({ lease, mounts, image, leaseDiskMiB = 1024 }: ContainerSpec): Promise<void> {
    const { scope, storageClass } = this.settings
    for (const { volume } of mounts) {
      const claim: ApiObject = {
        metadata: {
          name: claimName(volume),
          labels: leaseLabels(scope, lease),
          annotations: {
            [VOLUME]: volume,
            [IMAGE]: pulledBy(image),
            [WAITS]: 'true',
          },
        },
        spec: {
          accessModes: ['ReadWriteOnce'],
          ...(storageClass !== undefined && { storageClassName: storageClass }),
          resources: { requests: { storage: String(leaseDiskMiB * MIB) } },
        },
      }
      await this.cluster.create(this.pathOf(lease), claim).catch((error) => {
        if (statusOf(error) !== ALREADY) throw failed(error)
      })
    }
  }

  /**
   * Fills a volume that waits for what it begins with; no other program has it yet. One that was broken off
   * is filled again.
   */
  async fillOnce(lease: string, volume: string, fill: () => Promise<void>): Promise<void> {
    const path = `${this.pathOf(lease)}/${claimName(volume)}`
    const before = this.filling.get(path) ?? Promise.resolve()
    const work = before
      .catch(() => {})
      .then(async () => {
        const claim = await this.cluster.get<ApiObject>(path)
        if (claim.metadata?.annotations?.[WAITS] === undefined) return
        await fill()
        await this.cluster.patch(path, { metadata: { annotations: { [WAITS]: null } } })
      })
    this.filling.set(path, work)
    await work.finally(() => this.filling.get(path) === work && this.filling.delete(path))
  }

  /** Names of those that hold what was written. */
  async names(lease: string): Promise<string[]> {
    return [...(await this.all(lease)).keys()].filter((volume) => !isOfArchive(volume)).sort()
  }

  /** An image that machines can run beside a volume; undefined where the lease has no such volume. */
  async imageOf(lease: string, volume: string): Promise<string | undefined> {
    return isOfArchive(volume) ? undefined : (await this.all(lease)).get(volume)
  }

  /** Bytes that each of a lease's claims may hold, by its name in the cluster. */
  async sizes(lease: string): Promise<Map<string, number>> {
    return new Map(
      (await this.list(lease)).map(({ metadata, status, spec }) => [
        metadata?.name ?? '',
        bytesOf(status?.capacity?.['storage'] ?? spec?.resources?.requests?.['storage']),
      ]),
    )
  }

  /** Removes those that were made for an archive and aren't among `names`. One that is mounted goes later. */
  async keep(lease: string, names: readonly string[]): Promise<void> {
    for (const volume of (await this.all(lease)).keys())
      if (isOfArchive(volume) && !names.includes(volume))
        await ignoring([404, ALREADY], this.cluster.delete(`${this.pathOf(lease)}/${claimName(volume)}`))
  }

  private async all(lease: string): Promise<Map<string, string>> {
    return new Map(
      (await this.list(lease)).flatMap(({ metadata }) => {
        const { [VOLUME]: volume, [IMAGE]: image = '' } = metadata?.annotations ?? {}
        return volume === undefined ? [] : [[volume, image] as const]
      }),
    )
  }

  private async list(lease: string): Promise<readonly Claim[]> {
    const list = await ignoring([404], this.cluster.get<ApiList<Claim>>(this.pathOf(lease)))
    return Array.isArray(list?.items) ? list.items : []
  }

  private pathOf(lease: string): string {
    return `/api/v1/namespaces/${namespaceOf(this.settings.scope, lease)}/persistentvolumeclaims`
  }
}
