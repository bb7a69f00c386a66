import { CloisterError } from '@cloister/core'
import type { ContainerSpec } from '../executor.ts'
import { nameInManifest } from '../volumes/names.ts'
import type { ApiList, ApiObject } from './api-types.ts'
import type { Cluster } from './cluster.ts'
import { failed, ignoring, statusOf } from './failures.ts'
import { claimName, LABEL, leaseLabels, namespaceOf } from './names.ts'

const ALREADY = 409
const MIB = 1024 * 1024

/** A lease's volumes: claims on storage of one class. Each may hold as much as the whole lease pays for. */
export class Claims {
  private readonly cluster: Cluster
  private readonly settings: { scope: string; storageClass?: string | undefined }

  constructor(cluster: Cluster, settings: { scope: string; storageClass?: string | undefined }) {
    this.cluster = cluster
    this.settings = settings
  }

  /** Makes those that a container mounts and that aren't there. Throws `start-failed`. */
  async ensure({ name, lease, mounts, leaseDiskMiB = 1024 }: ContainerSpec): Promise<void> {
    const { scope, storageClass } = this.settings
    for (const { volume, from } of mounts) {
      if (from !== undefined)
        throw new CloisterError(
          'start-failed',
          `${name} mounts ${nameInManifest(volume)}, which begins with what was sent: a cluster's volumes begin empty.`,
          {
            hint: 'Write it into the volume once the container runs, or have it on a worker of one machine.',
          },
        )
      const claim: ApiObject = {
        metadata: {
          name: claimName(volume),
          labels: leaseLabels(scope, lease),
          annotations: { [`${LABEL}/volume`]: volume },
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

  async names(lease: string): Promise<string[]> {
    const list = await ignoring([404], this.cluster.get<ApiList<ApiObject>>(this.pathOf(lease)))
    return (list?.items ?? [])
      .flatMap(({ metadata }) => metadata?.annotations?.[`${LABEL}/volume`] ?? [])
      .sort()
  }

  private pathOf(lease: string): string {
    return `/api/v1/namespaces/${namespaceOf(this.settings.scope, lease)}/persistentvolumeclaims`
  }
}
