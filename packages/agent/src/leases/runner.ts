import { EventEmitter } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { CloisterError, canonicalHash, type LEASE_STATES, messageOf } from '@cloister/core'
import type { Executor, Image } from '@cloister/executors'
import type { Hex } from 'viem'
import { lastWords } from '../ended-logs.ts'
import { until, within } from '../patience.ts'
import type { LeaseSecrets } from '../secrets/lease-secrets.ts'
import type { SentRoom } from '../sent/sent-room.ts'
import type { Accepted, Store, StoredLease } from '../store.ts'
import type { VolumeRoom } from '../volumes/volume-room.ts'
import type { AgentSockets } from '../workload/agent-sockets.ts'
import { Changes } from './changes.ts'
import { type ContainerReport, toldOf } from './container-report.ts'
import { ContainerTask } from './container-task.ts'
import { Fit } from './fit.ts'
import { LeaseImages } from './lease-images.ts'
import { type PlannedContainer, planContainers } from './plan.ts'
import { hasRoomFor, noteOutgrown } from './size.ts'
import { trial, untilTrue } from './waiting.ts'

/** How a lease's containers are doing, all taken together. */
export type LeaseState = (typeof LEASE_STATES)[number]

interface RunnerParts {
  id: Hex
  executor: Executor
  store: Store
  sent: SentRoom
  volumes: VolumeRoom
  secrets: LeaseSecrets
  sockets: AgentSockets
  /** The network's. */
  gatewayUrl: string
  emit: (kind: string, message: string) => void
}

/** Milliseconds for the key service to answer before a new manifest is given up. */
const KEYS_MS = 60_000
/** Milliseconds for what is under way to stop once it is not wanted any more. */
const LEAVING_MS = 5_000
/** Milliseconds that containers have to end when the worker stops, whatever their manifest says. */
const HALT_GRACE_MS = 60_000
/** The same when their lease has ended. */
const DESTROY_GRACE_MS = 10_000
/** Milliseconds beyond its grace that a stop may take. */
const STOP_MS = 15_000

/** Runs one lease's manifests, one at a time. Every step can be repeated after a crash. */
export class LeaseRunner {
  readonly id: Hex
  readonly changes = new EventEmitter()
  private readonly executor: Executor
  private readonly store: Store
  private readonly sent: SentRoom
  private readonly volumes: VolumeRoom
  private readonly secrets: LeaseSecrets
  private readonly sockets: AgentSockets
  private readonly gatewayUrl: string
  private readonly emit: (kind: string, message: string) => void
  private tasks = new Map<string, ContainerTask>()
  private readonly images: LeaseImages
  private readonly fit: Fit
  private readonly work: Changes
  private ended = false
  private readonly wiping = new AbortController()
  /** Aborted once everything of the lease is wiped. */
  readonly wiped = this.wiping.signal
  /** Hash of the manifest whose images were brought ahead. */
  private prepared: Hex | undefined
  /** The tenant was told that everything runs. */
  private told = false

  constructor(parts: RunnerParts) {
    this.id = parts.id
    this.sent = parts.sent
    this.volumes = parts.volumes
    this.secrets = parts.secrets
    this.sockets = parts.sockets
    this.executor = parts.executor
    this.store = parts.store
    this.gatewayUrl = parts.gatewayUrl
    this.emit = parts.emit
    this.work = new Changes((message) => this.emit('error', message))
    this.images = new LeaseImages(parts)
    this.fit = new Fit({ ...parts, step: (work, signal) => this.work.step(work, signal) })
    this.changes.setMaxListeners(0)
    this.changes.on('change', () => {
      const isRunning = this.tasks.size > 0 && this.state === 'running'
      if (isRunning && !this.told && !this.ended) {
        this.emit('running', 'All containers are ready.')
        void this.clearStaged().catch(() => {})
      }
      this.told = isRunning
    })
  }

  /** What the store says should run is made to run; containers that run already are taken over. */
  resume(): void {
    void this.work.alone(async (signal) => {
      const lease = this.store.lease(this.id)
      if (lease?.held) return this.standStill(signal)
      if (lease?.running) {
        await this.arrange(lease.running, signal)
        await this.clearVolumes(signal)
      }
      if (lease?.next) await this.change(lease.next, signal)
    })
  }

  /** Runs what the store holds as next. The one before runs on, or again, if the new one does not start. */
  takeNext(): void {
    void this.work.alone(async (signal) => {
      const { next, held } = this.store.lease(this.id) ?? {}
      if (next && held) await this.prepare(next, signal)
      else if (next) await this.change(next, signal)
    })
  }

  /** Ends containers that run; volumes stay, and what is to come is made ready. */
  hold(): void {
    void this.work.alone((signal) => this.standStill(signal))
  }

  /** Whether a manifest's images were brought while the lease is held. */
  isPrepared(hash: Hex): boolean {
    return this.prepared === hash
  }

  /** Ends containers and what keeps them; volumes stay, and `resume` starts them again. */
  async halt(): Promise<void> {
    await this.letGo().inTime
    await this.stopTasks(HALT_GRACE_MS)
    await this.executor.halt(this.id)
  }

  /** Ends everything and wipes the lease's volumes. What containers printed last is kept for a day. */
  async destroy(): Promise<void> {
    // As it was; what is ended here did not fail.
    const services = toldOf(this.report())
    const gone = this.letGo()
    // What can't be wiped then is of no open lease, and goes when the worker starts the next time.
    if (!(await gone.inTime)) void gone.wholly.then(() => this.wipeAgain()).catch(() => {})
    await this.stopTasks(DESTROY_GRACE_MS)
    const names = [...this.tasks.keys()].filter((name) => this.mayRead(name))
    this.tasks.clear()
    try {
      const lines = await lastWords(this.executor, this.id, names)
      const reader = this.store.lease(this.id)?.reader
      await this.store.ended.keep({ lease: this.id, lines, services, reader })
      await this.executor.destroy(this.id)
    } finally {
      this.wiping.abort()
    }
    await this.sockets.close(this.id)
    this.secrets.forget(this.id)
  }

  /** Stops all containers for a reason, and the change under way with them; an update begins anew. */
  async stopAll(reason: string): Promise<void> {
    this.work.breakOff(reason)
    await this.work.alone(async () => {
      await Promise.all([...this.tasks.values()].map((task) => task.fail(reason)))
      // What was about to be taken over has no task yet.
      for (const { name, running } of await this.executor.containers(this.id))
        if (running && !this.tasks.has(name)) await this.executor.stop(this.id, name, 1_000)
      this.changes.emit('change')
    })
  }

  get state(): LeaseState {
    const lease = this.store.lease(this.id)
    if (lease?.state !== 'open') return 'closed'
    if (lease.held && this.tasks.size === 0) return 'stopped'
    const states = [...this.tasks.values()].map((task) => task.state)
    if (states.length === 0)
      return lease.running || lease.next ? 'starting' : lease.failed ? 'failed' : 'waiting'
    if (states.every((state) => state === 'completed')) return 'completed'
    if (states.every((state) => ['running', 'scheduled', 'completed'].includes(state))) return 'running'
    if (states.every((state) => state === 'failed' || state === 'completed')) return 'failed'
    if (states.some((state) => state === 'failed' || state === 'unhealthy' || state === 'restarting'))
      return 'degraded'
    if ([...this.tasks.values()].some((task) => task.waitsForVolume)) return 'degraded'
    return 'starting'
  }

  report(): ContainerReport[] {
    const restarts = this.store.lease(this.id)?.restarts ?? {}
    return [...this.tasks.values()].map((task) => ({
      name: task.spec.name,
      service: task.spec.service,
      state: task.state,
      reason: task.reason,
      restarts: restarts[task.spec.name] ?? 0,
      image: task.spec.image.reference,
      digest: task.spec.image.digest,
      startedAt: task.startedAt,
      exitCode: task.lastExit?.code,
      nextStart: task.nextStart,
      logs: task.service.logs,
    }))
  }

  /** Whether anybody may run commands in a container. */
  mayExec(container: string): boolean {
    return this.tasks.get(container)?.service.exec !== false
  }

  /** Whether anybody may read what a container prints. */
  mayRead(container: string): boolean {
    return this.tasks.get(container)?.service.logs !== false
  }

  /** Containers of a service that take requests now. */
  ready(service: string): string[] {
    return [...this.tasks.values()]
      .filter((task) => task.spec.service === service && task.state === 'running')
      .map((task) => task.spec.name)
  }

  private async standStill(signal: AbortSignal): Promise<void> {
    // Let go of meanwhile: then what comes next has them run again.
    if (!this.store.lease(this.id)?.held) return
    const tasks = [...this.tasks.values()]
    await Promise.all(tasks.map((task) => this.work.step(task.end(signal), signal)))
    this.tasks.clear()
    for (const { name } of await this.work.step(this.executor.containers(this.id), signal))
      await this.work.step(this.executor.remove(this.id, name), signal)
    this.emit('held', 'Its containers stand still, as its tenant asked.')
    this.changes.emit('change')
    const next = this.store.lease(this.id)?.next
    if (next) await this.prepare(next, signal)
  }

  /** Brings the images of a manifest that may not run yet. Another pull finds them here. */
  private async prepare({ hash, manifest }: Omit<Accepted, 'images'>, signal: AbortSignal): Promise<void> {
    await this.images.pull(manifest, signal)
    this.prepared = hash
    this.changes.emit('change')
  }

  private async change(next: Omit<Accepted, 'images'>, signal: AbortSignal): Promise<void> {
    const { hash, manifest, envelope } = next
    const before = this.store.lease(this.id)?.running
    try {
      signal.throwIfAborted()
      // What gets no keys is not tried: the one before would be stopped for it.
      const takesSecrets = Object.values(manifest.services).some(({ sealed }) => sealed)
      if (envelope && takesSecrets) {
        const patience = AbortSignal.any([signal, AbortSignal.timeout(KEYS_MS)])
        await until(this.secrets.open({ lease: this.id, manifestHash: hash }, envelope, patience), signal)
      }
      const images = await this.images.pull(manifest, signal)
      await this.arrange({ ...next, images }, signal)
      if (before) await trial(manifest, () => [...this.tasks.values()], this.changes, signal)
      signal.throwIfAborted()
      this.store.patchLease(this.id, (lease) => {
        lease.running = { ...next, images }
        noteOutgrown(lease)
        forgetNext(lease, next)
        delete lease.failed
      })
      await this.clearVolumes(signal)
      if (before?.hash === hash)
        this.emit(
          'updated',
          sameImages(before.images, images)
            ? 'The images are what they were.'
            : 'The manifest runs with new images.',
        )
      else if (before) this.emit('updated', 'The new manifest runs.')
    } catch (error) {
      if (this.ended) return
      const reason = messageOf(error)
      const lease = this.store.lease(this.id)
      // A lease that was made smaller pays for no more than it has.
      const isOutgrown = before && lease && !hasRoomFor(before.manifest, lease)
      const goesBack = before && !isOutgrown && !signal.aborted
      this.store.patchLease(this.id, (lease) => {
        forgetNext(lease, next)
        lease.failed = { hash, reason }
        if (isOutgrown) delete lease.running
        noteOutgrown(lease)
      })
      this.emit('start-failed', said(reason, goesBack !== undefined && goesBack, isOutgrown === true))
      if (goesBack) {
        await this.arrange(before, signal)
        await this.clearVolumes(signal)
      } else if (isOutgrown) await this.endAll(signal)
    }
    this.changes.emit('change')
  }

  /** Where what the tenant has sent lies. */
  private fileOf(digest: string): string {
    const tenant = this.store.lease(this.id)?.tenant
    if (!tenant) throw new CloisterError('not-found', 'The lease is not known any more.')
    return this.sent.fileOf(tenant, digest)
  }

  /** Ends what is not in the plan, keeps what is there unchanged, starts the rest. */
  private async arrange(accepted: Accepted, signal: AbortSignal): Promise<void> {
    const { hash, manifest } = accepted
    const needsAgent = Object.values(manifest.services).some(({ agentSocket }) => agentSocket)
    const agentFolder = needsAgent ? await this.work.step(this.sockets.open(this.id, hash), signal) : ''
    const fileOf = (digest: string) => this.fileOf(digest)
    const { gatewayUrl } = this
    const stagedOf = (volume: string) => this.volumes.stagedOf(this.id, volume)
    const plan = new Map(
      planContainers(this.id, accepted, { agentFolder, fileOf, stagedOf, gatewayUrl }).map((planned) => [
        planned.spec.name,
        planned,
      ]),
    )
    const hasDisk = await this.fit.disk(signal)
    const stays = (name: string) =>
      hasDisk &&
      this.tasks.get(name)?.spec.revision === plan.get(name)?.spec.revision &&
      this.tasks.get(name)?.state !== 'failed'
    const isFollowed = (name: string) => plan.has(name)
    await this.endTasks((name) => !stays(name), signal, isFollowed)
    const resized = new Set<string>()
    for (const [name, { spec }] of plan) {
      const task = this.tasks.get(name)
      if (task && (await this.fit.task(task, spec, signal))) resized.add(name)
    }
    await this.endTasks((name) => !resized.has(name), signal, isFollowed)
    // A container that stays is let go of, and then taken over with what is asked for now.
    for (const [name, task] of this.tasks) {
      const planned = plan.get(name)
      if (!planned || task.isKeptAs(planned)) continue
      await this.work.step(task.abandon(), signal)
      this.tasks.delete(name)
    }
    const found = new Map(
      (await this.work.step(this.executor.containers(this.id), signal)).map((status) => [
        status.name,
        status,
      ]),
    )
    for (const [name, status] of found) {
      if (this.tasks.has(name)) continue
      const spec = plan.get(name)?.spec
      if (hasDisk && spec?.revision === status.revision && (await this.fit.container(status, spec, signal)))
        continue
      await this.work.step(this.executor.remove(this.id, name, { isFollowed: isFollowed(name) }), signal)
      found.delete(name)
    }
    if (!hasDisk && !(await this.fit.disk(signal)))
      this.emit('disk-waits', 'The disk is in use and gets its new size when the lease is started next.')
    // From here to the end nothing is waited for: nothing begins that a break-off doesn't find among the
    // tasks.
    signal.throwIfAborted()
    const tasks = new Map<string, ContainerTask>()
    for (const [name, planned] of plan) tasks.set(name, this.tasks.get(name) ?? this.newTask(planned))
    const fresh = [...tasks].filter(([name]) => !this.tasks.has(name))
    this.tasks = tasks
    for (const [name, task] of fresh) task.begin(found.get(name))
    this.changes.emit('change')
  }

  /** Ends those tasks, all at a time, and removes their containers. */
  private async endTasks(
    which: (name: string) => boolean,
    signal: AbortSignal,
    isFollowed = (_name: string) => false,
  ): Promise<void> {
    await Promise.all(
      [...this.tasks].map(async ([name, task]) => {
        if (!which(name)) return
        await this.work.step(task.end(signal, isFollowed(name)), signal)
        this.tasks.delete(name)
      }),
    )
  }

  /** Ends everything that runs; volumes stay. */
  private async endAll(signal: AbortSignal): Promise<void> {
    await this.endTasks(() => true, signal)
    for (const { name } of await this.work.step(this.executor.containers(this.id), signal))
      await this.work.step(this.executor.remove(this.id, name), signal)
  }

  /** Removes volumes of archives that no container of the plan mounts; where it fails, another time. */
  private async clearVolumes(signal: AbortSignal): Promise<void> {
    const mounted = [...this.tasks.values()].flatMap(({ spec }) => spec.mounts.map(({ volume }) => volume))
    await this.work.step(this.executor.keepVolumes(this.id, mounted), signal).catch(() => {})
  }

  /** Lets go of what volumes began with that are there now. */
  private async clearStaged(): Promise<void> {
    const { staged } = this.store.lease(this.id) ?? {}
    if (!staged) return
    const there = await this.executor.volumes(this.id)
    await this.volumes.forget(
      this.id,
      staged.filter((name) => there.includes(name)),
    )
  }

  private newTask(planned: PlannedContainer): ContainerTask {
    return new ContainerTask(planned, {
      executor: this.executor,
      complete: async ({ spec, manifestHash, service, envelope }, signal) => {
        const why = (reason: string) => this.emit('no-keys', `${spec.name} waits for its secrets: ${reason}`)
        const whole = await this.secrets.complete(spec, manifestHash, service, envelope, signal, why)
        const lease = this.store.lease(this.id)
        return { ...whole, ...(lease && { leaseDiskMiB: lease.resources.diskMiB }) }
      },
      dependency: (on, signal) => untilTrue(on, () => [...this.tasks.values()], this.changes, signal),
      changed: () => this.changes.emit('change'),
      event: (kind, message) => this.emit(kind, message),
      sleepUntil,
      restarts: (name) => this.store.lease(this.id)?.restarts[name] ?? 0,
      countRestart: (name) =>
        this.store.patchLease(this.id, (lease) => (lease.restarts[name] = (lease.restarts[name] ?? 0) + 1))
          .restarts[name] ?? 1,
    })
  }

  /**
   * Ends what is under way; nothing can begin after it. `inTime` says whether all of it stopped soon,
   * `wholly` resolves when all has.
   */
  private letGo(): { inTime: Promise<boolean>; wholly: Promise<unknown> } {
    this.ended = true
    this.work.end('The lease has ended.')
    this.changes.emit('change')
    const abandoned = [...this.tasks.values()].map((task) => task.abandon())
    const wholly = this.work.stopped(abandoned)
    const inTime = within(
      wholly.then(() => true),
      LEAVING_MS,
    )
    return { inTime: inTime.then(Boolean), wholly }
  }

  private async stopTasks(graceMs: number): Promise<void> {
    const stop = ({ spec, service }: ContainerTask) => {
      const grace = Math.min(service.stopGraceMs, graceMs)
      return within(this.executor.stop(this.id, spec.name, grace), grace + STOP_MS).catch(() => {})
    }
    await Promise.all([...this.tasks.values()].map(stop))
  }

  /** Wipes what something that ended late has left behind, unless the lease is open again. */
  private async wipeAgain(): Promise<void> {
    if (this.store.lease(this.id)?.state === 'open') return
    await this.executor.destroy(this.id)
    await this.sockets.close(this.id)
    this.secrets.forget(this.id)
  }
}

/** Looks at the clock now and then, which may be set meanwhile. */
async function sleepUntil(instant: number, signal: AbortSignal): Promise<void> {
  for (let left = instant - Date.now(); left > 0; left = instant - Date.now())
    await delay(Math.min(left, 60_000), undefined, { signal })
}

function said(reason: string, goesBack: boolean, isOutgrown: boolean): string {
  if (goesBack) return `The new manifest does not start: ${reason} The one before runs on.`
  if (isOutgrown)
    return `The new manifest does not start: ${reason} The one before needs more than the lease has now, so nothing runs.`
  return reason
}

function sameImages(one: Record<string, Image>, other: Record<string, Image>): boolean {
  return Object.entries(one).every(([name, { digest }]) => other[name]?.digest === digest)
}

/** What was tried is no longer next; what was accepted meanwhile is. */
function forgetNext(lease: StoredLease, tried: Omit<Accepted, 'images'>): void {
  const digestOf = ({ envelope }: typeof tried) => envelope && canonicalHash(envelope)
  if (lease.next?.hash === tried.hash && digestOf(lease.next) === digestOf(tried)) delete lease.next
}
