import { loop } from '@cloister/core'
import type { Notice } from '../executor.ts'
import type { ApiList, Pod } from './api-types.ts'
import type { Cluster } from './cluster.ts'
import { LABEL } from './names.ts'
import { isContainer, podState } from './pod-state.ts'
import type { Pods } from './pods.ts'

const LOOK_MS = 3_000
/** Events of a namespace that are looked at, at once. */
const MOST_EVENTS = 200
/** What is told of one lease in an hour, and what is remembered of all. */
const MOST_TOLD = 30
const HOUR_MS = 3_600_000
const MOST_REMEMBERED = 10_000
/** The same of the same container is told again after so long. */
const AGAIN_MS = 600_000
/** What a pod has to outlast in a state, so that what it overcomes by itself isn't told. */
const PATIENCE_MS = 5_000
/** For how long after its end something may be said of a pod. */
const AFTERMATH_MS = 60_000
const MOST_TEXT = 300
/** The worker's own doing. */
const OWN = new Set(['DeadlineExceeded'])

/** An event (core/v1), what is used of it. Any of it may be missing, or be something else. */
export interface ClusterEvent {
  type?: unknown
  reason?: unknown
  message?: unknown
  lastTimestamp?: unknown
  eventTime?: unknown
  metadata?: { creationTimestamp?: unknown }
  involvedObject?: { kind?: unknown; uid?: unknown }
}

/**
 * Tells a lease what its cluster complains of about pods that don't run: images that can't be pulled, no
 * machine that has room, evictions. Only namespaces with such a pod are asked, each for its own events.
 */
export class Events {
  private readonly cluster: Cluster
  private readonly pods: Pods
  private readonly tell: (notice: Notice) => void
  private readonly begunAt = Date.now()
  /** When something was told last, by what it was and of what; and of each lease, when. */
  private readonly told = new Map<string, number>()
  private readonly counts = new Map<string, number[]>()
  /** Since when a pod is in a state. */
  private readonly since = new Map<string, { is: string; at: number }>()

  constructor(parts: { cluster: Cluster; pods: Pods; tell: (notice: Notice) => void }) {
    this.cluster = parts.cluster
    this.pods = parts.pods
    this.tell = parts.tell
  }

  /** Looks until `signal`. */
  keep(signal: AbortSignal): Promise<void> {
    return loop(signal, async () => {
      await this.look()
      return LOOK_MS
    })
  }

  /** Looks once. A namespace that can't be asked is left out. */
  async look(now = Date.now()): Promise<void> {
    const troubled = new Map<string, Pod[]>()
    const all = this.pods.all().filter(isContainer)
    const uids = new Set(all.map(({ metadata }) => metadata?.uid))
    for (const uid of this.since.keys()) if (!uids.has(uid)) this.since.delete(uid)
    for (const pod of all) {
      const { namespace = '', uid = '' } = pod.metadata ?? {}
      if (this.isTroubled(pod, uid, now)) troubled.set(namespace, [...(troubled.get(namespace) ?? []), pod])
    }
    for (const [namespace, pods] of troubled) {
      const path = `/api/v1/namespaces/${namespace}/events`
      const query = { fieldSelector: 'type=Warning', limit: MOST_EVENTS }
      const list = await this.cluster.get<ApiList<ClusterEvent>>(path, query).catch(() => undefined)
      const events = Array.isArray(list?.items) ? list.items.slice(0, MOST_EVENTS) : []
      for (const event of events) this.take(event, pods, now)
    }
  }

  private isTroubled(pod: Pod, uid: string, now: number): boolean {
    const state = podState(pod)
    const known = this.since.get(uid)
    if (known?.is !== state.is) this.since.set(uid, { is: state.is, at: now })
    const age = known?.is === state.is ? now - known.at : 0
    if (state.is === 'waiting' || state.is === 'preparing') return age > PATIENCE_MS
    const isBroken = state.is === 'failed' || (state.is === 'ended' && state.exit.lost === true)
    return isBroken && age < AFTERMATH_MS
  }

  private take(event: ClusterEvent, pods: readonly Pod[], now: number): void {
    const pod = pods.find(({ metadata }) => metadata?.uid === event.involvedObject?.uid)
    const notes = pod?.metadata?.annotations
    const [lease, name] = [notes?.[`${LABEL}/lease`], notes?.[`${LABEL}/name`]]
    const reason = textOf(event.reason, 60)
    if (lease === undefined || name === undefined || OWN.has(reason)) return
    if (timeOf(event) < this.begunAt - 1_000) return
    const message = textOf(event.message, MOST_TEXT)
    // Digits differ from one try to the next, and nothing else.
    const key = [lease, name, reason, message.replace(/\d+/g, '0')].join('\n')
    if (now - (this.told.get(key) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS) return
    const times = (this.counts.get(lease) ?? []).filter((at) => now - at < HOUR_MS)
    if (times.length >= MOST_TOLD) return
    this.counts.set(lease, [...times, now])
    for (const map of [this.told, this.counts])
      if (map.size > MOST_REMEMBERED) map.delete(map.keys().next().value ?? '')
    this.told.set(key, now)
    this.tell({ lease, message: `${name}: the cluster says ${reason}: ${message}` })
  }
}

/** A text for people's terminals: in one line, without what terminals would do. */
function textOf(text: unknown, most: number): string {
  const plain = typeof text === 'string' ? text.slice(0, 4 * most) : ''
  return plain
    .replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
    .slice(0, most)
}

function timeOf({ lastTimestamp, eventTime, metadata }: ClusterEvent): number {
  for (const text of [lastTimestamp, eventTime, metadata?.creationTimestamp]) {
    const time = typeof text === 'string' ? Date.parse(text) : Number.NaN
    if (Number.isFinite(time)) return time
  }
  return 0
}
