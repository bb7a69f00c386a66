import { createSocket } from 'node:dgram'
import { mkdir } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { CloisterError, messageOf } from '@cloister/core'
import { flowOver } from '../datagrams.ts'
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
  Notice,
  PullOptions,
  Size,
  Traffic,
  Usage,
} from '../executor.ts'
import { startFailed } from '../failures.ts'
import { checkLimits } from '../least.ts'
import type { ImageSettings } from '../oci/find.ts'
import { LOST, sumOf } from '../several-machines.ts'
import type { ReadVolumeOptions } from '../volumes/read.ts'
import type { Pod } from './api-types.ts'
import { type CommandPlace, openCommand, outputOf } from './channels.ts'
import { Claims } from './claims.ts'
import { Cluster } from './cluster.ts'
import { type ClusterNode, Coverage, type Told } from './coverage.ts'
import { Events } from './events.ts'
import { failed } from './failures.ts'
import { findClusterImage, pulledBy } from './images.ts'
import { isolationOf } from './isolation.ts'
import type { ClusterPlace } from './kubeconfig.ts'
import { Launcher, pathOf } from './launch.ts'
import { Leases, type LeasesSettings } from './leases.ts'
import { readLogs } from './logs.ts'
import { MAIN, namespaceOf, ORDER_FOLDER, STARTER_PATH } from './names.ts'
import { Order } from './order.ts'
import { type PodSettings, podObject } from './pod.ts'
import { isContainer, podState, statusOfPod, wasStarted } from './pod-state.ts'
import { Pods } from './pods.ts'
import { VolumeReader } from './reader.ts'
import { Stats } from './stats.ts'
import { commandOrder, signalOrder } from './told.ts'
import { type Kept, ToldStore } from './told-store.ts'
import { parseUsage, usageOrder } from './usage.ts'

export interface KubernetesSettings extends ClusterPlace, LeasesSettings, PodSettings {
  /** Tells this worker's objects from others' in the cluster: 1 to 16 lower-case letters and digits. */
  scope: string
  /** Folder for what containers are told. */
  folder: string
  images: ImageSettings
  /** The class of volumes; the cluster's default if not given. */
  storageClass?: string | undefined
  /** Machines that may have containers. */
  nodes: readonly ClusterNode[]
  told: Told
}

/**
 * Runs containers as pods of a Kubernetes cluster: core/v1 and networking.k8s.io/v1. Each container is a pod,
 * each lease a namespace. The API server's store has sizes, images and names; what programs are told goes to
 * pods over connections (`Order`), passes the API server, and is kept by the worker alone.
 */
export class KubernetesExecutor implements Executor {
  private readonly cluster: Cluster
  private readonly settings: KubernetesSettings
  private readonly pods: Pods
  private readonly coverage: Coverage
  private readonly leaseObjects: Leases
  private readonly claims: Claims
  private readonly store: ToldStore
  private readonly launcher: Launcher
  private readonly reader: VolumeReader
  private readonly kept = new Map<string, Promise<Kept | undefined>>()
  private readonly stats: Stats
  private tell: (notice: Notice) => void = () => {}
  private readonly ended = new AbortController()
  readonly isolation: Isolation
  readonly separateNetworks = true
  readonly privateNetworks = undefined

  private constructor(cluster: Cluster, settings: KubernetesSettings, version: string) {
    const { scope, nodes, told, folder } = settings
    this.cluster = cluster
    this.settings = settings
    const warn = (message: string, error: string) => told('warn', message, { error })
    this.pods = new Pods(cluster, scope, warn)
    this.coverage = new Coverage({ cluster, pods: this.pods, scope, told, nodes })
    this.leaseObjects = new Leases(cluster, settings)
    this.claims = new Claims(cluster, settings)
    this.store = new ToldStore(folder)
    const { pods, coverage, claims, store } = this
    this.launcher = new Launcher({ cluster, pods, coverage, claims, store })
    this.reader = new VolumeReader({ cluster, pods, claims, launcher: this.launcher }, settings)
    this.stats = new Stats(cluster, (message) => told('warn', message, {}))
    this.isolation = isolationOf(version, settings)
  }

  /** Connects. Throws `no-engine` where no API server answers. */
  static async connect(settings: KubernetesSettings): Promise<KubernetesExecutor> {
    const cluster = await Cluster.open(settings)
    await mkdir(settings.folder, { recursive: true, mode: 0o700 })
    const version = await cluster.get<{ gitVersion?: string }>('/version').catch((cause) => {
      throw new CloisterError('no-engine', `No cluster answers: ${messageOf(cause)}.`, { cause })
    })
    return new KubernetesExecutor(cluster, settings, String(version.gitVersion).slice(0, 40))
  }

  onNotice(told: (notice: Notice) => void): void {
    this.tell = told
  }

  /** Takes up what runs, and looks after it from here on. Throws `no-engine` where rights are missing. */
  async begin(): Promise<void> {
    const { signal } = this.ended
    try {
      await this.pods.begin(signal)
      await this.coverage.look()
    } catch (cause) {
      throw new CloisterError('no-engine', `The cluster can't be looked at: ${messageOf(cause)}.`, {
        hint: 'Give the worker the rights that `ops/kubernetes` has.',
        cause,
      })
    }
    // What was begun and never told what to run, before a crash, is no container; nor is what read a volume.
    for (const pod of this.pods.all())
      if (!wasStarted(podState(pod)) || !isContainer(pod)) void this.launcher.delete(pod).catch(() => {})
    void this.coverage.keep(signal)
    void new Events({ cluster: this.cluster, pods: this.pods, tell: this.tell }).keep(signal)
  }

  pull(reference: string, options: PullOptions = {}): Promise<Image> {
    return findClusterImage(reference, options, this.settings.images)
  }

  async leases(): Promise<string[]> {
    return this.leaseObjects.all().catch((error) => {
      throw failed(error)
    })
  }

  async hasRoomFor(size: Size): Promise<boolean> {
    return this.coverage.hasRoomFor(size)
  }

  async start(spec: ContainerSpec): Promise<void> {
    checkLimits(spec)
    try {
      const namespace = namespaceOf(this.settings.scope, spec.lease)
      const place = { namespace, instance: 0, image: pulledBy(spec.image) }
      // What a cluster can't have is refused before anything is made.
      podObject(spec, { ...place, ownerUid: '' }, this.settings)
      const ownerUid = await this.leaseObjects.ensure(spec)
      await this.claims.ensure(spec)
      await this.store.keep(spec, podObject(spec, { ...place, ownerUid }, this.settings))
      this.kept.delete(keyOf(spec.lease, spec.name))
      await this.launcher.launch(spec.lease, spec.name)
    } catch (cause) {
      throw startFailed(spec.name, cause)
    }
  }

  async restart(lease: string, name: string): Promise<void> {
    const pod = this.pods.of(lease, name)[0]
    if (pod && podState(pod).is === 'running') return
    await this.launcher.launch(lease, name).catch((cause) => {
      throw startFailed(name, cause)
    })
  }

  async stop(lease: string, name: string, graceMs: number): Promise<void> {
    const pod = this.pods.of(lease, name)[0]
    if (!pod || podState(pod).is !== 'running') return
    const kept = await this.keptOf(lease, name)
    // Where nobody answers there, it is ended all the same.
    await outputOf(this.cluster, this.placeOf(pod, signalOrder(kept?.stopSignal ?? 'SIGTERM'))).catch(
      () => {},
    )
    const wait = this.wait(lease, name, AbortSignal.timeout(Math.max(graceMs, 1)))
    const isOver = await wait.then(
      () => true,
      () => false,
    )
    if (!isOver) await this.launcher.end(pod)
  }

  /** A pod has the size that it began with. */
  async resize(): Promise<boolean> {
    return false
  }

  /** Pods and claims have the disk that they began with. */
  async resizeDisk(): Promise<boolean> {
    return true
  }

  async remove(lease: string, name: string): Promise<void> {
    await Promise.all(this.pods.of(lease, name).map((pod) => this.launcher.delete(pod)))
    await this.store.forget(lease, name)
    this.kept.delete(keyOf(lease, name))
  }

  keepVolumes(lease: string, names: readonly string[]): Promise<void> {
    return this.claims.keep(lease, names)
  }

  volumes(lease: string): Promise<string[]> {
    return this.claims.names(lease)
  }

  readVolume(lease: string, volume: string, options: ReadVolumeOptions): Promise<void> {
    return this.reader.read(lease, volume, options)
  }

  async containers(lease: string): Promise<ContainerStatus[]> {
    const found = new Map<string, ContainerStatus>()
    for (const pod of this.pods.of(lease)) {
      const status = statusOfPod(pod)
      if (status && !found.has(status.name)) found.set(status.name, status)
    }
    return [...found.values()]
  }

  async wait(lease: string, name: string, signal: AbortSignal): Promise<Exit> {
    for (;;) {
      signal.throwIfAborted()
      const pod = this.pods.of(lease, name)[0]
      const state = pod && podState(pod)
      if (!state || state.is === 'failed') return LOST
      if (state.is === 'ended') return state.exit
      await this.pods.changed(signal)
    }
  }

  logs(lease: string, name: string, options: LogOptions): AsyncIterable<LogLine> {
    return readLogs(this.cluster, () => this.pods.of(lease, name), options)
  }

  async exec(lease: string, name: string, { argv, terminal }: ExecOptions): Promise<ExecSession> {
    const pod = this.running(lease, name)
    const kept = await this.keptOf(lease, name)
    if (!kept) throw new CloisterError('not-running', `Nothing is kept of how ${name} was begun.`)
    try {
      if (!terminal)
        return await openCommand(this.cluster, this.placeOf(pod, commandOrder(kept.told, argv, true)))
      // A terminal changes what goes through it: the order is there before.
      const path = `${ORDER_FOLDER}/${crypto.randomUUID()}`
      const order = commandOrder(kept.told, argv, false, path)
      const written = await outputOf(
        this.cluster,
        this.placeOf(pod, new Order().writeFile(path, order, 0o600).exit(0).bytes()),
      )
      if (written.code !== 0) throw new CloisterError('engine-failed', `${name} takes no command now.`)
      const place = { ...this.placeOf(pod), command: [STARTER_PATH, path], terminal }
      return await openCommand(this.cluster, place)
    } catch (error) {
      throw failed(error)
    }
  }

  async usage(lease: string, name: string): Promise<Usage> {
    return (await this.used(this.running(lease, name))).usage
  }

  async traffic(lease: string): Promise<Traffic | undefined> {
    const running = this.pods.of(lease).filter((pod) => isContainer(pod) && podState(pod).is === 'running')
    if (running.length === 0) return undefined
    return sumOf((await Promise.all(running.map((pod) => this.used(pod)))).map(({ traffic }) => traffic))
  }

  /** As kubelets say it, where they may be asked; they and the storage hold containers to it anyway. */
  async diskUsage(lease: string): Promise<number> {
    return this.stats.diskUsage(this.pods.of(lease), () => this.claims.sizes(lease))
  }

  async connect(lease: string, name: string, port: number): Promise<Duplex> {
    return connect({ host: this.addressOf(lease, name), port, noDelay: true })
  }

  async datagrams(
    lease: string,
    name: string,
    port: number,
    receive: (datagram: Buffer) => void,
  ): Promise<DatagramFlow> {
    const host = this.addressOf(lease, name)
    return flowOver(createSocket(host.includes(':') ? 'udp6' : 'udp4'), host, port, receive)
  }

  async halt(lease: string): Promise<void> {
    await Promise.all(this.pods.of(lease).map((pod) => this.launcher.delete(pod)))
    await this.store.forget(lease)
    this.forgetKept(lease)
  }

  async destroy(lease: string): Promise<void> {
    try {
      await this.halt(lease)
    } finally {
      await this.leaseObjects.remove(lease)
    }
  }

  async close(): Promise<void> {
    this.ended.abort()
  }

  private async used(pod: Pod): Promise<ReturnType<typeof parseUsage>> {
    const { output } = await outputOf(this.cluster, this.placeOf(pod, usageOrder())).catch((error) => {
      throw failed(error)
    })
    return parseUsage(output)
  }

  private placeOf(pod: Pod, order?: Buffer): CommandPlace {
    return { pod: pathOf(pod), container: MAIN, command: [STARTER_PATH], order }
  }

  private running(lease: string, name: string): Pod {
    const pod = this.pods.of(lease, name)[0]
    if (pod && podState(pod).is === 'running') return pod
    throw new CloisterError('not-running', `${name} does not run at the moment.`)
  }

  private addressOf(lease: string, name: string): string {
    const address = this.running(lease, name).status?.podIP
    if (address) return address
    throw new CloisterError('not-running', `${name} has no address.`)
  }

  private keptOf(lease: string, name: string): Promise<Kept | undefined> {
    const key = keyOf(lease, name)
    const kept = this.kept.get(key) ?? this.store.read(lease, name)
    this.kept.set(key, kept)
    return kept
  }

  private forgetKept(lease: string): void {
    for (const key of this.kept.keys()) if (key.startsWith(`${lease}/`)) this.kept.delete(key)
  }
}

function keyOf(lease: string, name: string): string {
  return `${lease}/${name}`
}
