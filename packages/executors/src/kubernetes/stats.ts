import type { Pod } from './api-types.ts'
import type { Cluster } from './cluster.ts'
import { statusOf } from './failures.ts'

/** For how long what a kubelet said is true, and for how long it isn't asked again that may not be. */
const FRESH_MS = 4_000
const REFUSED_MS = 300_000
const FORBIDDEN = 403
/** A filesystem larger than that many times its claim is a machine's own, and others' files are on it. */
const SHARED_FACTOR = 1.5

/** What a kubelet says of its pods (`stats/v1alpha1`, `Summary`), what is used of it; any may be missing. */
export interface Summary {
  pods?: {
    podRef?: { uid?: unknown }
    containers?: { rootfs?: { usedBytes?: unknown } }[]
    volume?: { usedBytes?: unknown; capacityBytes?: unknown; pvcRef?: { name?: unknown } }[]
  }[]
}

/** What kubelets tell of disks, through the API server (`nodes/proxy`), where that is allowed. */
export class Stats {
  private readonly cluster: Cluster
  private readonly warn: (message: string) => void
  private readonly known = new Map<string, { until: number; summary: Promise<Summary> }>()
  private refusedUntil = 0
  private isWarned = false

  constructor(cluster: Cluster, warn: (message: string) => void) {
    this.cluster = cluster
    this.warn = warn
  }

  /**
   * Bytes that pods take on disk: what their containers wrote, and their volumes, each once. `sizesOf` gives
   * those of the volumes' claims, in bytes. 0 where nobody may say, or says nothing.
   */
  async diskUsage(
    pods: readonly Pod[],
    sizesOf: () => Promise<ReadonlyMap<string, number>>,
  ): Promise<number> {
    const machines = new Set(pods.flatMap(({ spec }) => spec?.nodeName ?? []))
    const all = await Promise.all([...machines].map((node) => this.ask(node)))
    if (all.every(({ pods: found }) => found === undefined)) return 0
    const sizes = await sizesOf()
    const uids = new Set(pods.map(({ metadata }) => metadata?.uid))
    const volumes = new Map<string, number>()
    let bytes = 0
    for (const one of all.flatMap(({ pods: found }) => listOf(found))) {
      if (!uids.has(String(one?.podRef?.uid))) continue
      for (const container of listOf(one.containers)) bytes += amountOf(container?.rootfs?.usedBytes)
      for (const volume of listOf(one.volume)) {
        const name = volume?.pvcRef?.name
        const size = typeof name === 'string' ? sizes.get(name) : undefined
        if (size === undefined || amountOf(volume.capacityBytes) > size * SHARED_FACTOR) continue
        volumes.set(String(name), amountOf(volume.usedBytes))
      }
    }
    return [...volumes.values()].reduce((sum, one) => sum + one, bytes)
  }

  private ask(node: string): Promise<Summary> {
    const now = Date.now()
    const known = this.known.get(node)
    if (known && now < known.until) return known.summary
    if (now < this.refusedUntil) return Promise.resolve({})
    const path = `/api/v1/nodes/${encodeURIComponent(node)}/proxy/stats/summary`
    const summary = this.cluster.get<Summary>(path).catch((error) => {
      if (statusOf(error) === FORBIDDEN) {
        this.refusedUntil = Date.now() + REFUSED_MS
        if (!this.isWarned)
          this.warn('nobody may say how much disk leases take: see ops/kubernetes/disk-usage.yaml')
        this.isWarned = true
      }
      return {}
    })
    this.known.set(node, { until: now + FRESH_MS, summary })
    return summary
  }
}

function listOf<T>(list: readonly T[] | undefined): readonly T[] {
  return Array.isArray(list) ? list : []
}

function amountOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0
}
