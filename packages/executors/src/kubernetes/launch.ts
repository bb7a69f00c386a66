import { setTimeout as delay } from 'node:timers/promises'
import { CloisterError } from '@cloister/core'
import { volumeLimits } from '../volumes/fill.ts'
import { stagedOwner } from '../volumes/staged-entries.ts'
import type { Pod } from './api-types.ts'
import { sendOrders } from './channels.ts'
import type { Claims } from './claims.ts'
import type { Cluster } from './cluster.ts'
import type { Coverage } from './coverage.ts'
import { failed, ignoring, statusOf } from './failures.ts'
import { fillClaim } from './fill-claim.ts'
import { beginAsImage, ownerOf } from './image-content.ts'
import { LABEL, PREPARE, podName } from './names.ts'
import { instanceOf, type PodState, podState, wasStarted } from './pod-state.ts'
import type { Pods } from './pods.ts'
import { StarterSession } from './starter-session.ts'
import type { Kept, ToldStore } from './told-store.ts'
import { preparedPath } from './user.ts'

/** How long a machine and an image may take to be there, and how long a cluster may complain meanwhile. */
const PLACE_MS = 30 * 60_000
const TROUBLE_MS = 90_000
const PREPARE_MS = 120_000
/** The service account of a fresh namespace takes a moment. */
const ACCOUNT_MS = 15_000
const PAUSE_MS = 250
/** How long a machine has to say that a pod has ended; one that doesn't answer is not waited for. */
const END_MS = 30_000
/** Kubelet ends what has been there for longer than this, when it is told so. */
const AT_ONCE_SECONDS = 1
const FORBIDDEN = 403

interface LauncherParts {
  cluster: Cluster
  pods: Pods
  coverage: Coverage
  claims: Claims
  store: ToldStore
}

/** Brings pods to life and ends them. */
export class Launcher {
  private readonly cluster: Cluster
  private readonly pods: Pods
  private readonly coverage: Coverage
  private readonly claims: Claims
  private readonly store: ToldStore

  constructor(parts: LauncherParts) {
    this.cluster = parts.cluster
    this.pods = parts.pods
    this.coverage = parts.coverage
    this.claims = parts.claims
    this.store = parts.store
  }

  /**
   * Runs a container that is kept in the store, in a pod of its own. One that ran before is ended and kept,
   * for its log, until the next. Throws `start-failed` with what the cluster says.
   */
  async launch(lease: string, name: string): Promise<void> {
    const kept = await this.store.read(lease, name)
    if (!kept) throw new CloisterError('not-found', `The lease has no container ${name}.`)
    const [newest, ...older] = this.pods.of(lease, name)
    if (newest && podState(newest).is === 'running') await this.end(newest)
    const isGone = newest && !wasStarted(podState(newest))
    for (const pod of isGone ? [newest, ...older] : older) await this.delete(pod)
    const instance = Math.max(Date.now(), newest ? instanceOf(newest) + 1 : 0)
    const { metadata } = kept.pod
    const annotations = { ...metadata?.annotations, [`${LABEL}/instance`]: String(instance) }
    const made = await this.create({
      ...kept.pod,
      metadata: { ...metadata, name: podName(name, instance), annotations },
    })
    try {
      await this.untilPlaced(made, name, 'preparing')
      await this.fill(lease, kept, pathOf(made))
      const place = { pod: pathOf(made), container: PREPARE }
      await sendOrders(this.cluster, place, this.store.orders(lease, name))
      await this.untilRunning(made, name)
    } catch (error) {
      await this.delete(made).catch(() => {})
      throw failed(error)
    }
  }

  /**
   * Makes a pod of ours beside a lease's containers, and waits until its machine runs it. Throws
   * `start-failed` with what the cluster says, and then there is none.
   */
  async begin(pod: Pod, what: string): Promise<Pod> {
    const made = await this.create(pod)
    try {
      await this.untilPlaced(made, what, 'running')
      return made
    } catch (error) {
      await this.delete(made).catch(() => {})
      throw failed(error)
    }
  }

  /** Ends a pod at once. It stays, with its log and its exit. */
  async end(pod: Pod): Promise<void> {
    const body = { spec: { activeDeadlineSeconds: AT_ONCE_SECONDS } }
    const changed = await ignoring([404], this.cluster.patch<Pod>(pathOf(pod), body))
    if (changed) this.pods.note(changed)
    await this.until(pod, (state) => state.is === 'ended' || state.is === 'failed', END_MS)
  }

  /** Removes a pod. Waits until its machine has ended it, or doesn't answer. */
  async delete(pod: Pod): Promise<void> {
    const path = pathOf(pod)
    const preconditions = { uid: pod.metadata?.uid }
    const gone = await ignoring(
      [404, 409],
      this.cluster.delete(path, { gracePeriodSeconds: 1, preconditions }),
    )
    if (gone === undefined) return this.pods.forget(pod)
    for (const end = Date.now() + END_MS; Date.now() < end; await this.pods.changed()) {
      const there = await ignoring([404], this.cluster.get<Pod>(path))
      if (there?.metadata?.uid !== pod.metadata?.uid) return this.pods.forget(pod)
      if (there) this.pods.note(there)
    }
  }

  private async create(pod: Pod): Promise<Pod> {
    const path = `/api/v1/namespaces/${pod.metadata?.namespace}/pods`
    for (const end = Date.now() + ACCOUNT_MS; ; await delay(PAUSE_MS))
      try {
        const made = await this.cluster.create<Pod>(path, pod)
        this.pods.note(made)
        return made
      } catch (error) {
        const isEarly =
          statusOf(error) === FORBIDDEN && /service ?account|unknown for quota/i.test(String(error))
        if (!isEarly || Date.now() > end) throw failed(error)
      }
  }

  /** Waits until a pod is on a machine that may have it, and its first process waits for its orders. */
  private async untilPlaced(pod: Pod, what: string, awaited: 'preparing' | 'running'): Promise<void> {
    let complainedAt: number | undefined
    for (const end = Date.now() + PLACE_MS; ; await this.pods.changed()) {
      const now = this.find(pod)
      const state: PodState = now ? podState(now) : { is: 'failed', trouble: 'its pod was removed' }
      if (state.is === awaited) {
        const { nodeName } = now?.spec ?? {}
        const why = this.coverage.refusalOf(nodeName)
        if (why === undefined) return
        // Nothing of a tenant's is told to a machine that isn't covered.
        throw new CloisterError('start-failed', `${what} was put on ${nodeName}: ${why}.`)
      }
      const trouble = 'trouble' in state ? state.trouble : undefined
      complainedAt = trouble === undefined ? undefined : (complainedAt ?? Date.now())
      const isLate =
        Date.now() > end || (complainedAt !== undefined && Date.now() - complainedAt > TROUBLE_MS)
      if (state.is !== 'waiting' || isLate)
        throw new CloisterError('start-failed', `It does not start: ${trouble ?? 'it takes too long'}.`)
    }
  }

  /** Fills volumes that wait for what they begin with, by the pod's first process. */
  private async fill(lease: string, { begins = [], user = '', diskMiB }: Kept, pod: string): Promise<void> {
    const open = () => StarterSession.open(this.cluster, { pod, container: PREPARE })
    const limits = volumeLimits(diskMiB, 0)
    for (const [index, { volume, from, path, noCopy }] of begins.entries())
      await this.claims.fillOnce(lease, volume, async () => {
        const into = preparedPath(index)
        if (from === undefined)
          return beginAsImage(open, into, { volume, path, user, isEmpty: noCopy === true, limits })
        const starter = await open()
        try {
          const owner =
            typeof from === 'string' ? await ownerOf(starter, user) : await stagedOwner(from.staged)
          await fillClaim(starter, into, { volume, from, owner, limits })
        } finally {
          await starter.end()
        }
      })
  }

  private async untilRunning(pod: Pod, name: string): Promise<void> {
    const state = await this.until(pod, (now) => wasStarted(now) || now.is === 'failed', PREPARE_MS)
    if (state && wasStarted(state)) return
    const why =
      state && 'trouble' in state && state.trouble ? state.trouble : 'it was not told what to run in time'
    throw new CloisterError('start-failed', `${name} does not start: ${why}.`)
  }

  /** Waits for a state; undefined where the pod is gone, or the last state where it takes too long. */
  private async until(
    pod: Pod,
    isIt: (state: PodState) => boolean,
    ms: number,
  ): Promise<PodState | undefined> {
    for (const end = Date.now() + ms; ; await this.pods.changed()) {
      const now = this.find(pod)
      const state = now && podState(now)
      if (!state || isIt(state) || Date.now() > end) return state
    }
  }

  private find(pod: Pod): Pod | undefined {
    return this.pods.all().find(({ metadata }) => metadata?.uid === pod.metadata?.uid)
  }
}

/** Where the API server has a pod. */
export function pathOf({ metadata }: Pod): string {
  return `/api/v1/namespaces/${metadata?.namespace}/pods/${metadata?.name}`
}
