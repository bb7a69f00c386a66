import { setTimeout as delay } from 'node:timers/promises'
import { CloisterError } from '@cloister/core'
import type { ContainerSpec } from '../executor.ts'
import type { ApiList, ApiObject, ObjectMeta, ResourceQuota } from './api-types.ts'
import type { Cluster } from './cluster.ts'
import { failed, ignoring, statusOf } from './failures.ts'
import {
  type LeasePlace,
  limitsObject,
  namespaceObject,
  networkPolicies,
  OWNER,
  quotaObject,
  serviceObjects,
  starterObject,
} from './lease-objects.ts'
import { LABEL, namespaceOf } from './names.ts'

/**
 * The ClusterRole that gives the worker its rights within a lease's namespace, where it hasn't them anyway.
 */
interface LeaseRole {
  role: string
  /** The worker's service account, and the namespace that is in. */
  account: string
  namespace: string
}

export interface LeasesSettings extends Omit<LeasePlace, 'lease'> {
  leaseRole?: LeaseRole | undefined
  /** Nobody gets out. */
  isClosed: boolean
}

/** Anything that is made by its name. */
type Named = object & { metadata?: ObjectMeta | undefined }

const PATH = '/api/v1/namespaces'
const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const ALREADY = 409
const FORBIDDEN = 403
/** How long a namespace may take to go, and rights to come. */
const GONE_MS = 180_000
const RIGHTS_MS = 15_000
const COUNT_MS = 30_000
const PAUSE_MS = 250

/** Leases as a cluster has them: namespaces, each with its limits, its walls, and names for its services. */
export class Leases {
  private readonly cluster: Cluster
  private readonly settings: LeasesSettings
  /** What was made of each lease since this process began, and its owner's identity. */
  private readonly made = new Map<string, { shape: string; ownerUid: Promise<string> }>()

  constructor(cluster: Cluster, settings: LeasesSettings) {
    this.cluster = cluster
    this.settings = settings
  }

  async all(): Promise<string[]> {
    const list = await this.cluster.get<ApiList<ApiObject>>(PATH, {
      labelSelector: `${LABEL}/scope=${this.settings.scope}`,
    })
    return list.items.flatMap(({ metadata }) => metadata?.annotations?.[`${LABEL}/lease`] ?? [])
  }

  /** Makes what a container's lease needs. Gives the identity of the object that its pods belong to. */
  async ensure(spec: ContainerSpec): Promise<string> {
    const { lease, internet, peers, service, aliases = {} } = spec
    const services = [...new Set([...peers, service])].sort()
    const shape = JSON.stringify([internet, services, aliases])
    const known = this.made.get(lease)
    if (known?.shape === shape) return known.ownerUid
    const ownerUid = (known?.ownerUid ?? Promise.resolve()).then(
      () => this.make(spec, services),
      () => this.make(spec, services),
    )
    this.made.set(lease, { shape, ownerUid })
    ownerUid.catch(() => this.made.delete(lease))
    return ownerUid
  }

  /** Removes a lease's namespace with all that is in it. Throws `engine-failed` where it doesn't go. */
  async remove(lease: string): Promise<void> {
    this.made.delete(lease)
    const path = `${PATH}/${namespaceOf(this.settings.scope, lease)}`
    await ignoring([404, ALREADY], this.cluster.delete(path))
    for (const end = Date.now() + GONE_MS; ; await delay(PAUSE_MS)) {
      if ((await ignoring([404], this.cluster.get(path))) === undefined) return
      if (Date.now() > end)
        throw new CloisterError('engine-failed', `The namespace of ${lease} does not go.`, {
          hint: 'See `kubectl describe namespace`: something in it has a finalizer.',
        })
    }
  }

  private async make(spec: ContainerSpec, services: readonly string[]): Promise<string> {
    const { lease } = spec
    const { scope, leaseRole, isClosed } = this.settings
    const place: LeasePlace = { ...this.settings, lease }
    const namespace = namespaceOf(scope, lease)
    await this.put(PATH, namespaceObject(place), false)
    const within = `${PATH}/${namespace}`
    if (leaseRole)
      await this.put(`${RBAC}/namespaces/${namespace}/rolebindings`, bindingObject(leaseRole), false)
    // Walls before anything that they are to hold.
    const policies = `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`
    await this.withRights(async () => {
      for (const policy of networkPolicies(place, spec.internet !== false && !isClosed))
        await this.put(policies, policy, true)
    })
    await this.put(`${within}/limitranges`, limitsObject(place), false)
    for (const service of serviceObjects(place, services, spec.aliases ?? {}))
      await this.put(`${within}/services`, service, false)
    await this.put(`${within}/configmaps`, starterObject(place), false)
    await this.put(`${within}/resourcequotas`, quotaObject(place), false)
    await this.untilCounted(`${within}/resourcequotas/${OWNER}`)
    const owner = await this.cluster.get<ApiObject>(`${within}/configmaps/${OWNER}`)
    return owner.metadata?.uid ?? ''
  }

  /** A quota lets nothing be made until the cluster has counted what is there. */
  private async untilCounted(path: string): Promise<void> {
    for (const end = Date.now() + COUNT_MS; Date.now() < end; await delay(PAUSE_MS)) {
      const { status } = await this.cluster.get<ResourceQuota>(path)
      if (status?.hard !== undefined) return
    }
    throw new CloisterError('start-failed', "The cluster doesn't count what the lease has, for its quota.")
  }

  /** Makes an object, or leaves the one that is there, or gives it the fields that it is to have. */
  private async put(path: string, object: Named, isKept: boolean): Promise<void> {
    try {
      await this.cluster.create(path, object)
    } catch (error) {
      if (statusOf(error) !== ALREADY) throw failed(error)
      const own = `${path}/${object.metadata?.name}`
      const there = await this.cluster.get<ApiObject>(own)
      if (there.metadata?.deletionTimestamp !== undefined)
        throw new CloisterError('start-failed', 'What the lease had before is still being removed.')
      if (!isKept) return
      const { resourceVersion } = there.metadata ?? {}
      const metadata = { ...object.metadata, ...(resourceVersion !== undefined && { resourceVersion }) }
      await this.cluster.replace(own, { ...object, metadata })
    }
  }

  /** Rights that were just given take a moment to hold. */
  private async withRights(work: () => Promise<void>): Promise<void> {
    for (const end = Date.now() + RIGHTS_MS; ; await delay(PAUSE_MS))
      try {
        return await work()
      } catch (error) {
        const cause = error instanceof CloisterError ? error.cause : error
        if (statusOf(cause) !== FORBIDDEN || Date.now() > end) throw error
      }
  }
}

function bindingObject({ role, account, namespace }: LeaseRole): Named {
  const binding = {
    metadata: { name: OWNER },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
  }
  return binding
}
