import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { CloisterError, GrowingPause } from '@cloister/core'
import Docker from 'dockerode'
import type {
  ContainerSpec,
  ContainerStatus,
  DatagramFlow,
  ExecOptions,
  ExecSession,
  Executor,
  Exit,
  Image,
  Isolation,
  LogLine,
  LogOptions,
  PullOptions,
  Size,
  Traffic,
  Usage,
} from '../executor.ts'
import { noVolume, startFailed } from '../failures.ts'
import { checkLimits } from '../least.ts'
import { sumOf } from '../several-machines.ts'
import type { ReadVolumeOptions } from '../volumes/read.ts'
import { endOfContainer } from './end-of-container.ts'
import { isMachineTrouble } from './machine-trouble.ts'
import { Membership, type SwarmMember, type Told } from './membership.ts'
import { followMoved } from './moved-logs.ts'
import type { ImageEngine, NodeEngine } from './node-engine.ts'
import { type Place, Places, type Task } from './places.ts'
import { volumeHome } from './volume-home.ts'

export interface SwarmSettings {
  /** Path of the socket of this machine's engine, which is a manager of the Swarm. */
  socketPath: string
  scope: string
  /** This machine's engine: images come from there. */
  local: ImageEngine
  /** All machines that may have containers, this one among them if it may. */
  members: readonly SwarmMember[]
  /** Encrypt what goes between machines. */
  encrypted: boolean
  told: Told
}

const LOOK_MS = 1_000
/** How long Swarm has to find a machine for a container. */
const PLACE_MS = 120_000
/** How long members have to answer at the start: what runs there is adopted. */
const MEET_MS = 15_000

/**
 * Runs containers on the machines of a Docker Swarm. Swarm schedules: each container's place is a service of
 * one task that does nothing but wait, on the lease's own overlay network. The container itself runs beside
 * it, in its network, by that machine's engine. Where a machine is lost or cordoned, Swarm starts the task on
 * another, and the container is lost (`Exit.lost`): it is to be started anew, there.
 */
export class SwarmExecutor implements Executor {
  private readonly places: Places
  private readonly membership: Membership
  private readonly local: ImageEngine
  private readonly encrypted: boolean
  private readonly ended = new AbortController()
  /** Places as they were seen last, and the look under way. */
  private seen: readonly Place[] = []
  private looking: Promise<readonly Place[]> | undefined
  /** The last start of each lease that mounts volumes: where they are is settled one after another. */
  private readonly settling = new Map<string, Promise<unknown>>()
  readonly isolation: Isolation
  readonly separateNetworks = true
  readonly privateNetworks = undefined

  private constructor(settings: SwarmSettings, version: string, docker: Docker) {
    const { local, members, told, encrypted } = settings
    this.local = local
    this.encrypted = encrypted
    this.places = new Places(docker, settings)
    this.membership = new Membership(this.places, members, told)
    this.membership.onReached((engine) => void this.sweep(engine).catch(() => {}))
    const between = 'what goes between machines is encrypted'
    this.isolation = {
      engine: `Docker Swarm ${version}`,
      enforced: [...local.isolation.enforced, 'covered machines only', ...(encrypted ? [between] : [])],
      missing: [...local.isolation.missing, ...(encrypted ? [] : [`${between}: it is not`])],
    }
  }

  /**
   * Connects to this machine's engine. Throws `no-engine` where it doesn't answer or manages no Swarm.
   */
  static async connect(settings: SwarmSettings): Promise<SwarmExecutor> {
    const docker = new Docker({ socketPath: settings.socketPath })
    const info = (await docker.info().catch((cause) => {
      throw new CloisterError('no-engine', `No container engine answers at ${settings.socketPath}.`, {
        cause,
      })
    })) as { ServerVersion: string; Swarm?: { ControlAvailable?: boolean } }
    if (info.Swarm?.ControlAvailable !== true)
      throw new CloisterError('no-engine', `The engine at ${settings.socketPath} manages no Swarm.`, {
        hint: 'Begin one there with `docker swarm init --advertise-addr ADDRESS`, and have the nodes join it.',
      })
    return new SwarmExecutor(settings, info.ServerVersion, docker)
  }

  /**
   * Waits a while for the members, whose containers are adopted. Throws `no-engine` where something is to be
   * encrypted that a member's kernel can't.
   */
  async begin(): Promise<void> {
    for (const end = Date.now() + MEET_MS; ; ) {
      await this.membership.look()
      if (this.membership.missing.length === 0 || Date.now() > end) break
      await delay(LOOK_MS)
    }
    const unable = this.membership.unableToEncrypt
    if (this.encrypted && unable.length > 0)
      throw new CloisterError(
        'no-engine',
        `What goes between machines can't be encrypted: the kernel of ${unable.join(', ')} has no IPsec.`,
        {
          hint: 'Load the modules (`modprobe esp4 xfrm_user`), or say `encrypted: false` under `executor`: then whoever sees the network between the machines reads what containers say to each other.',
        },
      )
    const { signal } = this.ended
    void this.membership.keep(signal)
    void this.watch(signal)
  }

  pull(reference: string, options?: PullOptions): Promise<Image> {
    return this.local.pull(reference, options)
  }

  async leases(): Promise<string[]> {
    const found = await this.ofAll((engine) => engine.leases())
    return [...new Set([...(await this.places.leases()), ...found.flat()])]
  }

  /** Whether some machine has so much left. */
  async hasRoomFor({ cpuMilli, memoryMiB }: Size): Promise<boolean> {
    const free = await this.places.free()
    return free.some((room) => room.cpuMilli >= cpuMilli && room.memoryMiB >= memoryMiB)
  }

  async start(spec: ContainerSpec): Promise<void> {
    checkLimits(spec)
    if (spec.agentFolder !== undefined || spec.gpus > 0)
      throw new CloisterError(
        'start-failed',
        `${spec.name} asks for ${spec.gpus > 0 ? 'GPUs' : "the agent's socket"}, which a Swarm doesn't have.`,
        { hint: 'Have it on a worker of one machine.' },
      )
    if (spec.mounts.length === 0) return this.startNow(spec)
    const before = this.settling.get(spec.lease) ?? Promise.resolve()
    const work = before.catch(() => {}).then(() => this.startNow(spec))
    this.settling.set(spec.lease, work)
    await work.finally(() => this.settling.get(spec.lease) === work && this.settling.delete(spec.lease))
  }

  /** Tries again where a machine goes meanwhile: Swarm has another one for it soon. */
  private async startNow(spec: ContainerSpec): Promise<void> {
    for (const end = Date.now() + PLACE_MS; ; await delay(LOOK_MS))
      try {
        return await this.tryStart(spec)
      } catch (cause) {
        if (!isMachineTrouble(cause) || Date.now() > end) throw startFailed(spec.name, cause)
      }
  }

  private async tryStart(spec: ContainerSpec): Promise<void> {
    const node = await volumeHome(spec, { places: this.places, membership: this.membership })
    const shape = this.places.shapeOf(spec, node)
    const known = await this.find(spec.lease, spec.name)
    if (known && known.shape !== shape) await this.remove(spec.lease, spec.name)
    else await this.removeContainer(spec.lease, spec.name)
    if (known?.shape !== shape) await this.places.make(spec, node)
    const { task, engine } = await this.placed(spec)
    for (const { volume } of spec.mounts) await this.places.noteVolume(spec.lease, volume, task.node)
    if (!(await engine.hasImage(spec.image)))
      await engine.importImage(await this.local.exportImage(spec.image))
    await engine.startIn(spec, task.container)
  }

  /** Waits until Swarm has found a machine. Throws `start-failed` with what Swarm says. */
  private async placed({ lease, name }: ContainerSpec): Promise<{ task: Task; engine: NodeEngine }> {
    const pauses = new GrowingPause({ firstMs: 150, longestMs: 1_000, factor: 1.3 })
    // Each look is a question for all places: a busy machine has none to waste.
    for (const end = Date.now() + PLACE_MS; ; await pauses.wait()) {
      const place = await this.find(lease, name)
      const engine = place?.task && this.membership.engineOf(place.task.node)
      if (place?.task && engine) return { task: place.task, engine }
      if (Date.now() > end) {
        const why = this.membership.alarm ?? place?.trouble ?? 'no machine takes it'
        throw new CloisterError('start-failed', `${name} finds no machine: ${why}.`)
      }
    }
  }

  async restart(lease: string, name: string): Promise<void> {
    const { engine } = await this.running(lease, name)
    await engine.restart(lease, name)
  }

  async stop(lease: string, name: string, graceMs: number): Promise<void> {
    const place = await this.find(lease, name)
    const engine = place?.task && this.membership.engineOf(place.task.node)
    await engine?.stop(lease, name, graceMs)
  }

  /** What Swarm reserves for it is part of its place, so that it gets another one. */
  async resize(): Promise<boolean> {
    return false
  }

  /** Disks are watched, by whoever knows their size. */
  async resizeDisk(): Promise<boolean> {
    return true
  }

  /** With its place, unless another container follows there: whoever looked up its address goes on. */
  async remove(lease: string, name: string, { isFollowed } = { isFollowed: false }): Promise<void> {
    const place = isFollowed ? undefined : await this.find(lease, name)
    if (place) await this.places.remove(place)
    await this.removeContainer(lease, name)
  }

  private async removeContainer(lease: string, name: string): Promise<void> {
    await this.ofAll((engine) => engine.remove(lease, name))
  }

  async keepVolumes(lease: string, names: readonly string[]): Promise<void> {
    await this.ofAll((engine) => engine.keepVolumes(lease, names))
  }

  async volumes(lease: string): Promise<string[]> {
    const all = await this.ofAll((engine) => engine.volumes(lease))
    return [...new Set(all.flat())].sort()
  }

  async readVolume(lease: string, volume: string, options: ReadVolumeOptions): Promise<void> {
    for (const engine of this.membership.reached)
      if ((await engine.volumes(lease)).includes(volume)) return engine.readVolume(lease, volume, options)
    throw noVolume(volume)
  }

  async containers(lease: string): Promise<ContainerStatus[]> {
    const found = await this.ofAll((engine) => engine.containers(lease))
    const places = await this.look()
    const isPlaced = (name: string, container: string | undefined) =>
      places.some((one) => one.lease === lease && one.name === name && one.task?.container === container)
    return found
      .flat()
      .filter(({ name, networkOf }) => isPlaced(name, networkOf))
      .map(({ networkOf: _, ...status }) => status)
  }

  wait(lease: string, name: string, signal: AbortSignal): Promise<Exit> {
    const where = {
      find: () => this.find(lease, name),
      askMachines: () => this.membership.look(),
      engineOf: (node: string) => this.membership.engineOf(node),
      untilMoved: (place: Place, until: AbortSignal) => this.untilMoved(place, until),
    }
    return endOfContainer(where, { lease, name, pauseMs: LOOK_MS, signal })
  }

  /** Aborted with `signal`, and once a container's task is another than it was. */
  private untilMoved({ lease, name, task }: Place, signal: AbortSignal): AbortSignal {
    const moved = new AbortController()
    const look = async () => {
      while (!signal.aborted && !this.ended.signal.aborted) {
        const now = this.seen.find((one) => one.lease === lease && one.name === name)
        if (now?.task?.container !== task?.container) return moved.abort()
        await delay(LOOK_MS)
      }
      moved.abort(signal.reason)
    }
    void look()
    return AbortSignal.any([moved.signal, signal])
  }

  logs(lease: string, name: string, options: LogOptions): AsyncIterable<LogLine> {
    return followMoved(options, async () => {
      const place = await this.find(lease, name)
      const engine = place?.task && this.membership.engineOf(place.task.node)
      if (!place || !engine) return undefined
      return (own) => engine.logs(lease, name, { ...own, signal: this.untilMoved(place, own.signal) })
    })
  }

  async exec(lease: string, name: string, options: ExecOptions): Promise<ExecSession> {
    return (await this.running(lease, name)).engine.exec(lease, name, options)
  }

  async usage(lease: string, name: string): Promise<Usage> {
    return (await this.running(lease, name)).engine.usage(lease, name)
  }

  async traffic(lease: string): Promise<Traffic> {
    return sumOf(await this.ofAll((engine) => engine.traffic(lease)))
  }

  async diskUsage(lease: string): Promise<number> {
    const all = await this.ofAll((engine) => engine.diskUsage(lease))
    return all.reduce((bytes, one) => bytes + one, 0)
  }

  async connect(lease: string, name: string, port: number): Promise<Duplex> {
    return (await this.running(lease, name)).engine.connect(lease, name, port)
  }

  async datagrams(
    lease: string,
    name: string,
    port: number,
    receive: (datagram: Buffer) => void,
  ): Promise<DatagramFlow> {
    return (await this.running(lease, name)).engine.datagrams(lease, name, port, receive)
  }

  async halt(lease: string): Promise<void> {
    const places = await this.look()
    for (const place of places) if (place.lease === lease) await this.places.remove(place)
    await this.ofAll((engine) => engine.halt(lease))
  }

  async destroy(lease: string): Promise<void> {
    await this.halt(lease)
    await this.ofAll((engine) => engine.destroy(lease))
    await this.places.forget(lease)
  }

  onReturn(done: () => void): void {
    this.membership.onReached(() => done())
  }

  async close(): Promise<void> {
    this.ended.abort()
    await Promise.all(this.membership.reached.map((engine) => engine.close()))
  }

  /** Does something on all machines that answer. One that has gone meanwhile is left out. */
  private async ofAll<T>(work: (engine: NodeEngine) => Promise<T>): Promise<T[]> {
    const leaveOut = (error: unknown): T[] => {
      if (isMachineTrouble(error)) return []
      throw error
    }
    const one = (engine: NodeEngine) => work(engine).then((answer) => [answer], leaveOut)
    const answers = await Promise.all(this.membership.reached.map(one))
    return answers.flat()
  }

  /** Where a container runs. Throws `not-running`. What was seen a moment ago will do. */
  private async running(lease: string, name: string): Promise<{ place: Place; engine: NodeEngine }> {
    const isIt = (one: Place) => one.lease === lease && one.name === name && one.task !== undefined
    const place = this.seen.find(isIt) ?? (await this.look()).find(isIt)
    const engine = place?.task && this.membership.engineOf(place.task.node)
    if (place && engine) return { place, engine }
    throw new CloisterError('not-running', `${name} has no machine at the moment.`)
  }

  private async find(lease: string, name: string): Promise<Place | undefined> {
    return (await this.look()).find((place) => place.lease === lease && place.name === name)
  }

  /** Asks Swarm for all places; whoever asks meanwhile is told the next answer. */
  private async look(): Promise<readonly Place[]> {
    // One that was begun before doesn't know what was done since.
    await this.looking?.catch(() => {})
    this.looking ??= this.places.all().finally(() => {
      this.looking = undefined
    })
    const [before, now] = [this.seen, await this.looking]
    this.seen = now
    // What ran in the network of a task that has ended runs on without one, where nobody ends it.
    const isThere = new Set(now.map(({ task }) => task?.container))
    for (const { lease, task } of before === now ? [] : before)
      if (task && !isThere.has(task.container))
        // Of that machine alone: a container's id is what it says itself.
        void this.membership
          .reachedAt(task.node)
          ?.removeIn(lease, task.container)
          .catch(() => {})
    return now
  }

  private async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look().catch(() => {})
      await delay(LOOK_MS, undefined, { signal }).catch(() => {})
    }
  }

  /** Ends what runs on a machine that was away, and was started elsewhere meanwhile. */
  private async sweep(engine: NodeEngine): Promise<void> {
    for (const lease of await engine.leases()) {
      const found = await engine.containers(lease)
      const places = await this.look()
      for (const { networkOf } of found)
        if (networkOf && !places.some((one) => one.lease === lease && one.task?.container === networkOf))
          await engine.removeIn(lease, networkOf)
    }
  }
}
