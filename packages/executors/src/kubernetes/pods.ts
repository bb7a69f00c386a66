import { EventEmitter } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '@cloister/core'
import type { ApiList, Pod } from './api-types.ts'
import type { Cluster } from './cluster.ts'
import { statusOf } from './failures.ts'
import { LABEL, leaseLabels } from './names.ts'
import { instanceOf } from './pod-state.ts'

const PATH = '/api/v1/pods'
const PAUSE_MS = 1_000
/** A watch is begun anew after so many seconds, in case it has died without a word. */
const WATCH_SECONDS = 240
const GONE = 410

/**
 * All pods of a worker's, as the cluster has them: listed once, then watched. What is asked of it was true a
 * moment ago.
 */
export class Pods {
  private readonly cluster: Cluster
  private readonly scope: string
  private readonly told: (message: string, error: string) => void
  private readonly known = new Map<string, Pod>()
  private readonly events = new EventEmitter().setMaxListeners(0)

  constructor(cluster: Cluster, scope: string, told: (message: string, error: string) => void) {
    this.cluster = cluster
    this.scope = scope
    this.told = told
  }

  /** Lists them, then watches until `signal`. Rejects where they can't be listed. */
  async begin(signal: AbortSignal): Promise<void> {
    const version = await this.list()
    void this.watch(version, signal)
  }

  /** Pods of a lease, or of one of its containers; those that came last, first. */
  of(lease: string, name?: string): Pod[] {
    const { [`${LABEL}/lease`]: label } = leaseLabels(this.scope, lease)
    return [...this.known.values()]
      .filter(({ metadata }) => metadata?.labels?.[`${LABEL}/lease`] === label)
      .filter(({ metadata }) => name === undefined || metadata?.annotations?.[`${LABEL}/name`] === name)
      .sort((a, b) => instanceOf(b) - instanceOf(a))
  }

  /** All of them. */
  all(): Pod[] {
    return [...this.known.values()]
  }

  /** What the API server has just said of a pod. */
  note(pod: Pod): void {
    const key = keyOf(pod)
    const known = this.known.get(key)
    if (known && known.metadata?.uid === pod.metadata?.uid && versionOf(known) > versionOf(pod)) return
    this.known.set(key, pod)
    this.events.emit('change')
  }

  forget(pod: Pod): void {
    if (this.known.delete(keyOf(pod))) this.events.emit('change')
  }

  /** Resolves with the next change, or in a while, or once aborted. */
  async changed(signal?: AbortSignal): Promise<void> {
    const own = new AbortController()
    const both = signal ? AbortSignal.any([own.signal, signal]) : own.signal
    const change = () => own.abort()
    this.events.once('change', change)
    await delay(PAUSE_MS, undefined, { signal: both }).catch(() => {})
    this.events.off('change', change)
  }

  private async list(): Promise<string> {
    const list = await this.cluster.get<ApiList<Pod>>(PATH, { labelSelector: this.selector })
    const found = new Set(list.items.map(keyOf))
    for (const [key, pod] of this.known) if (!found.has(key)) this.forget(pod)
    for (const pod of list.items) this.note(pod)
    return list.metadata?.resourceVersion ?? ''
  }

  private get selector(): string {
    return `${LABEL}/scope=${this.scope}`
  }

  private async watch(from: string, signal: AbortSignal): Promise<void> {
    for (let version = from; !signal.aborted; ) {
      try {
        if (version === '') version = await this.list()
        version = await this.watchOnce(version, signal)
      } catch (error) {
        if (signal.aborted) return
        if (statusOf(error) !== GONE) this.told('the cluster can not be watched', messageOf(error))
        version = ''
        await delay(PAUSE_MS, undefined, { signal }).catch(() => {})
      }
    }
  }

  /** Watches as long as it lasts; gives the version it came to, or nothing where pods are to be listed. */
  private async watchOnce(from: string, signal: AbortSignal): Promise<string> {
    const body = await this.cluster.follow(
      PATH,
      {
        watch: true,
        labelSelector: this.selector,
        resourceVersion: from,
        timeoutSeconds: WATCH_SECONDS,
        allowWatchBookmarks: true,
      },
      signal,
    )
    let version = from
    const silence = setTimeout(() => body.destroy(), (WATCH_SECONDS + 30) * 1000)
    try {
      for await (const line of createInterface({ input: body, crlfDelay: Number.POSITIVE_INFINITY })) {
        const { type, object } = JSON.parse(line) as { type: string; object: Pod }
        if (type === 'ERROR') return ''
        version = object.metadata?.resourceVersion ?? version
        if (type === 'DELETED') this.forget(object)
        else if (type !== 'BOOKMARK') this.note(object)
      }
      return version
    } finally {
      clearTimeout(silence)
      body.destroy()
    }
  }
}

function keyOf({ metadata }: Pod): string {
  return `${metadata?.namespace}/${metadata?.name}`
}

/** Versions are texts that grow, as long as etcd is what is behind them; no order is no harm. */
function versionOf({ metadata }: Pod): number {
  return Number(metadata?.resourceVersion) || 0
}
