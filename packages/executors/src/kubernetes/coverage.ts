import { loop, messageOf } from '@cloister/core'
import type { Size } from '../executor.ts'
import type { ApiList, Node } from './api-types.ts'
import type { Cluster } from './cluster.ts'
import { ignoring } from './failures.ts'
import { nodeLabel } from './names.ts'
import { UNREACHABLE_SECONDS } from './pod.ts'
import { podState } from './pod-state.ts'
import type { Pods } from './pods.ts'
import { bytesOf, milliOf } from './quantity.ts'

/** A machine of a cluster that a worker's containers may run on. */
export interface ClusterNode {
  /** As the cluster calls it. */
  name: string
  /** Why nothing may run there now; undefined where all is well. Rejects where that can't be known. */
  refusal(): Promise<string | undefined>
}

/** What happened to a machine, for people who run the worker. */
export type Told = (level: 'info' | 'warn', message: string, fields: Record<string, unknown>) => void

const PATH = '/api/v1/nodes'
const LOOK_MS = 5_000
/** For how long what the chain said last is held true, while it can't be asked. */
const PATIENCE_MS = 60_000
const MIB = 1024 * 1024

interface Standing {
  node: ClusterNode
  /** Why nothing may run there by what the chain says. */
  refusal: string | undefined
  askedAt: number
  /** Since when the cluster hears nothing good of it, Unix milliseconds. */
  silentSince?: number | undefined
}

/**
 * Which machines of a cluster may have containers: those that the worker was told of and that are covered.
 * No other machine has the label that pods select; from one that had it, its pods are taken away at once.
 */
export class Coverage {
  private readonly cluster: Cluster
  private readonly pods: Pods
  private readonly scope: string
  private readonly told: Told
  private readonly standings: Standing[]
  private nodes: readonly Node[] = []

  constructor(parts: {
    cluster: Cluster
    pods: Pods
    scope: string
    told: Told
    nodes: readonly ClusterNode[]
  }) {
    this.cluster = parts.cluster
    this.pods = parts.pods
    this.scope = parts.scope
    this.told = parts.told
    this.standings = parts.nodes.map((node) => ({ node, refusal: 'it was not looked at yet', askedAt: 0 }))
  }

  /** Looks at the machines until `signal`. */
  keep(signal: AbortSignal): Promise<void> {
    return loop(signal, async () => {
      await this.look().catch((error) =>
        this.told('warn', "the cluster's machines could not be looked at", { error: messageOf(error) }),
      )
      return LOOK_MS
    })
  }

  /** Why a machine may have no containers now; undefined where it may. */
  refusalOf(name: string | undefined): string | undefined {
    const standing = this.standings.find(({ node }) => node.name === name)
    if (!standing) return 'the worker was not told of it'
    const { refusal, silentSince = Number.POSITIVE_INFINITY } = standing
    const isSilent = Date.now() - silentSince > UNREACHABLE_SECONDS * 1000
    return refusal ?? (isSilent ? 'the cluster does not hear of it' : undefined)
  }

  /** Asks about all machines, and labels them. Throws where the cluster doesn't answer. */
  async look(): Promise<void> {
    await Promise.all(this.standings.map((standing) => this.ask(standing)))
    this.nodes = (await this.cluster.get<ApiList<Node>>(PATH)).items
    for (const standing of this.standings) {
      const node = this.nodes.find(({ metadata }) => metadata?.name === standing.node.name)
      standing.silentSince = isReady(node) ? undefined : (standing.silentSince ?? Date.now())
    }
    const label = nodeLabel(this.scope)
    for (const { metadata } of this.nodes) {
      const name = metadata?.name ?? ''
      const why = this.refusalOf(name)
      const isLabelled = metadata?.labels?.[label] === 'true'
      if (isLabelled === (why === undefined)) continue
      const value = why === undefined ? 'true' : null
      await this.cluster.patch(`${PATH}/${name}`, { metadata: { labels: { [label]: value } } })
      if (why === undefined) this.told('info', 'a node may have containers', { node: name })
      else this.told('warn', 'a node may have no containers any more', { node: name, why })
    }
    await this.sweep()
  }

  /** Whether some machine that may have containers has so much left, beside this worker's. */
  hasRoomFor({ cpuMilli, memoryMiB }: Size): boolean {
    return this.nodes.some((node) => {
      const { metadata, spec, status } = node
      const name = metadata?.name
      if (this.refusalOf(name) !== undefined || !isReady(node) || spec?.unschedulable) return false
      const used = this.pods.all().filter((pod) => {
        const { is } = podState(pod)
        return pod.spec?.nodeName === name && is !== 'ended' && is !== 'failed'
      })
      const requests = used.map((pod) => pod.spec?.containers[0]?.resources?.requests ?? {})
      const cpu = requests.reduce((sum, one) => sum + milliOf(one['cpu']), 0)
      const memory = requests.reduce((sum, one) => sum + bytesOf(one['memory']), 0)
      const { allocatable = {} } = status ?? {}
      return (
        milliOf(allocatable['cpu']) - cpu >= cpuMilli &&
        bytesOf(allocatable['memory']) - memory >= memoryMiB * MIB
      )
    })
  }

  /**
   * Takes pods away from machines that may have none. Where all machines are silent Kubernetes does so itself
   * for none of them, as in a cluster of one.
   */
  private async sweep(): Promise<void> {
    for (const pod of this.pods.all()) {
      const { nodeName } = pod.spec ?? {}
      if (nodeName === undefined || this.refusalOf(nodeName) === undefined) continue
      const { is } = podState(pod)
      if (is === 'ended' || is === 'failed') continue
      const path = `/api/v1/namespaces/${pod.metadata?.namespace}/pods/${pod.metadata?.name}`
      await ignoring([404, 409], this.cluster.delete(path, { gracePeriodSeconds: 1 }))
    }
  }

  private async ask(standing: Standing): Promise<void> {
    try {
      standing.refusal = await standing.node.refusal()
      standing.askedAt = Date.now()
    } catch (error) {
      if (Date.now() - standing.askedAt > PATIENCE_MS)
        standing.refusal = `nobody can say whether it is covered: ${messageOf(error)}`
    }
  }
}

function isReady(node: Node | undefined): boolean {
  const conditions = node?.status?.conditions
  return (
    Array.isArray(conditions) && conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
  )
}
