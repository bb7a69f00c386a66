import { createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { chmod, mkdir, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { join, posix } from 'node:path'
import type { Duplex, Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { CloisterError, DEFAULT_CAPABILITIES } from '@cloister/core'
import Docker from 'dockerode'
import { flowOver } from '../datagrams.ts'
import {
  AGENT_FOLDER,
  type ContainerSpec,
  type DatagramFlow,
  type ExecOptions,
  type ExecSession,
  type Executor,
  type Exit,
  type Image,
  type Isolation,
  type LogLine,
  type LogOptions,
  type PullOptions,
  type Size,
  type Traffic,
  type Usage,
} from '../executor.ts'
import { noVolume, startFailed } from '../failures.ts'
import { checkLimits } from '../least.ts'
import { BridgeFilter } from '../network/bridge-filter.ts'
import { DEFAULT_LIMITS, type WayOutLimits } from '../network/limits.ts'
import type { ImageSettings } from '../oci/find.ts'
import { ImageRoom } from '../oci/image-room.ts'
import type { UnpackLimits } from '../oci/image-root.ts'
import { pinnedReference } from '../oci/reference.ts'
import { UNPACK_LIMITS } from '../oci/unpack.ts'
import { canTunnel, type PrivateNetworks } from '../private-network/place.ts'
import type { ImageEngine, NodeContainer, NodeFacts } from '../swarm/node-engine.ts'
import { volumeLimits } from '../volumes/fill.ts'
import { isOfArchive } from '../volumes/names.ts'
import type { ReadVolumeOptions } from '../volumes/read.ts'
import { maskedPaths, seccompOption } from './confinement.ts'
import { filesBytes, writeFiles } from './container-files.ts'
import { logConfig, readContainerLogs } from './container-log.ts'
import { execIn } from './exec.ts'
import { ignoring, statusOf } from './failures.ts'
import { FilledVolumes } from './filled-volumes.ts'
import { Gpus, type LendableGpu, type LentGpus } from './gpus.ts'
import { containerNetworks } from './private-networks.ts'
import { hasImage, localTag, pullImage } from './pull.ts'
import { limitsOf, resizeContainer, sizeOf } from './size.ts'
import { exportImage, factsOf, importImage, joinNetwork, networkOwner } from './swarm-node.ts'
import { ulimitsOf } from './ulimits.ts'
import { trafficOf, usageOf } from './usage.ts'
import { VolumeSizes } from './volume-sizes.ts'
import { withoutLinks } from './working-dir.ts'
import { isReadable, writtenBytes } from './written.ts'

export interface DockerSettings {
  /** Path of the engine's socket. */
  socketPath: string
  /**
   * Tells this worker's containers from others' on the same engine: 1 to 16 lower-case letters and digits.
   */
  scope: string
  /** Folder for files that are mounted into containers. */
  folder: string
  images: ImageSettings
  /** The machine's GPUs that containers get theirs from; any, in the order of its buses, if not given. */
  gpus?: readonly LendableGpu[]
  /** How much of the internet a lease gets; `off` for none. */
  wayOut?: WayOutLimits | 'off'
}

const LABEL = 'network.cloister'
const HALT_TRIES = 40
const HALT_PAUSE_MS = 250
/** Exit code of a process that was killed: 128 + SIGKILL. */
const KILLED = 137

/**
 * Drives an engine with Docker's interface (Docker 20.10 and later, Podman 4 and later) through its socket.
 */
export class DockerExecutor implements Executor, ImageEngine {
  private readonly docker: Docker
  private readonly settings: DockerSettings
  private readonly volumeSizes: VolumeSizes
  private readonly filled: FilledVolumes
  private readonly gpus: Gpus
  private readonly podman: boolean
  private readonly initProcess: boolean
  private readonly filter: BridgeFilter | undefined
  private readonly addresses = new Map<string, string>()
  /** Names of containers that were asked to stop. */
  private readonly stopped = new Set<string>()
  readonly isolation: Isolation
  readonly separateNetworks = true
  readonly privateNetworks: PrivateNetworks | undefined

  /** Networks that are being made, by name. */
  private readonly makingNetworks = new Map<string, Promise<void>>()

  private constructor(
    docker: Docker,
    settings: DockerSettings,
    engine: { podman: boolean; initProcess: boolean; version: string },
    filter: BridgeFilter | undefined,
  ) {
    this.docker = docker
    this.settings = settings
    this.volumeSizes = new VolumeSizes(docker)
    this.gpus = new Gpus(docker, `${LABEL}.gpus`, settings.gpus)
    this.podman = engine.podman
    this.filled = new FilledVolumes(docker, { socketPath: settings.socketPath, podman: engine.podman })
    this.initProcess = engine.initProcess
    this.filter = filter
    // Its filter keeps containers from each other; without one they aren't led anywhere else either.
    const isReady = filter !== undefined && canTunnel()
    this.privateNetworks = isReady ? containerNetworks((lease) => this.running(lease)) : undefined
    this.isolation = {
      engine: `${engine.podman ? 'Podman' : 'Docker'} ${engine.version}`,
      enforced: [
        'cpu',
        'memory',
        'processes',
        'disk (by watching)',
        'seccomp',
        'no new privileges',
        'capabilities',
        'network per lease',
        ...(filter ? ["no way to the host, to other leases or to the provider's networks"] : []),
      ],
      missing: [
        "the host's kernel is shared",
        'a disk limit by the kernel: disks are watched',
        'what the kernel counts by user (watches of files, terminals, queued signals) is shared with the host and with other leases',
        ...(filter
          ? []
          : ['no way out to the internet, and containers reach the host: filters need root and nftables']),
      ],
    }
  }

  /** Connects. Throws `no-engine` where none answers at the socket. */
  static async connect(settings: DockerSettings): Promise<DockerExecutor> {
    const docker = new Docker({ socketPath: settings.socketPath })
    try {
      const [version, info] = await Promise.all([docker.version(), docker.info()])
      const podman = JSON.stringify(version).toLowerCase().includes('podman')
      // Engines mount what is in it as root; other users of this machine have no business with a tenant's
      // files.
      await mkdir(settings.folder, { recursive: true, mode: 0o700 })
      await chmod(settings.folder, 0o700)
      const engine = { podman, initProcess: !podman && Boolean(info.InitBinary), version: version.Version }
      return new DockerExecutor(docker, settings, engine, await openFilter(docker, settings))
    } catch (cause) {
      throw new CloisterError('no-engine', `No container engine answers at ${settings.socketPath}.`, {
        hint: 'Start Docker or Podman, or set `executor: sandbox`.',
        cause,
      })
    }
  }

  async pull(reference: string, options: PullOptions = {}): Promise<Image> {
    const { DockerRootDir: folder } = (await this.docker.info()) as { DockerRootDir?: string }
    // Disks of leases lie there, too. Where it can't be looked at, the engine's own refusal has to do.
    const { bytes } =
      folder !== undefined && (await isReadable(folder))
        ? await new ImageRoom(folder).limits(UNPACK_LIMITS)
        : UNPACK_LIMITS
    return pullImage(this.docker, reference, options, this.settings.images, bytes)
  }

  async leases(): Promise<string[]> {
    const filters = this.filters()
    const [containers, networks, volumes] = await Promise.all([
      this.docker.listContainers({ all: true, filters }),
      this.docker.listNetworks({ filters }),
      this.docker.listVolumes({ filters }),
    ])
    const all = [...containers, ...networks, ...(volumes.Volumes ?? [])].map((item) =>
      this.leaseOf(item.Labels),
    )
    return [...new Set(all.filter((lease) => lease !== undefined))]
  }

  start(spec: ContainerSpec): Promise<void> {
    return this.run(spec)
  }

  startIn(spec: ContainerSpec, task: string): Promise<void> {
    return this.run(spec, task)
  }

  /** Runs a container in a network of its own, or in that of the container `task`. */
  private async run(spec: ContainerSpec, task?: string): Promise<void> {
    checkLimits(spec)
    await this.remove(spec.lease, spec.name)
    this.stopped.delete(this.nameOf(spec.lease, spec.name))
    const network = await this.ensureNetwork(spec)
    if (task !== undefined)
      await joinNetwork(this.docker, network, task, this.labels(spec.lease)).catch((cause) => {
        throw startFailed(spec.name, cause)
      })
    for (const mount of spec.mounts)
      await this.ensureVolume(spec, mount).catch((cause) => {
        throw startFailed(spec.name, cause)
      })
    const place = { lease: this.folderOf(spec.lease), name: spec.name, diskMiB: spec.leaseDiskMiB }
    const binds = await writeFiles(place, spec.files)
    if (spec.agentFolder !== undefined) binds.push(`${spec.agentFolder}:${AGENT_FOLDER}:ro`)
    const masked = maskedPaths(this.podman)
    try {
      const create = async (workingDir: string, gpus: LentGpus) =>
        this.docker.createContainer({
          name: this.nameOf(spec.lease, spec.name),
          Image: await this.engineReference(spec.image),
          Entrypoint: spec.argv.slice(0, 1),
          Cmd: spec.argv.slice(1),
          Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
          WorkingDir: workingDir,
          User: spec.user,
          // Names are those of whose network it has.
          ...(task === undefined && { Hostname: spec.hostname }),
          StopSignal: spec.stopSignal,
          Tty: spec.terminal ?? false,
          OpenStdin: spec.openStdin ?? false,
          Labels: {
            ...this.labels(spec.lease),
            [`${LABEL}.name`]: spec.name,
            [`${LABEL}.revision`]: spec.revision,
            [`${LABEL}.digest`]: spec.image.digest,
            [`${LABEL}.internet`]: String(spec.internet !== false),
            ...gpus.labels,
          },
          HostConfig: {
            NetworkMode: task === undefined ? network : `container:${task}`,
            Binds: [
              ...binds,
              ...spec.mounts.map(
                (m) =>
                  `${this.nameOf(spec.lease, m.volume)}:${m.path}:${m.readOnly ? 'ro' : 'rw'}${m.noCopy || m.from !== undefined ? ',nocopy' : ''}`,
              ),
            ],
            Tmpfs: Object.fromEntries(spec.tmpfs.map((mount) => [mount.path, tmpfsOptions(mount)])),
            ...(spec.shmMiB !== undefined && { ShmSize: spec.shmMiB * 1024 * 1024 }),
            ...(spec.groups && { GroupAdd: spec.groups }),
            ...(spec.hosts &&
              task === undefined && {
                ExtraHosts: Object.entries(spec.hosts).map(([name, address]) => `${name}:${address}`),
              }),
            ...limitsOf(spec),
            PidsLimit: spec.maxProcesses,
            CapDrop: ['ALL'],
            // Podman would make added capabilities effective for other users too.
            CapAdd: /^(0|root)?(:|$)/.test(spec.user) ? [...(spec.capabilities ?? DEFAULT_CAPABILITIES)] : [],
            ...(task === undefined && {
              Sysctls: { 'net.ipv4.ip_unprivileged_port_start': '0', ...spec.sysctls },
            }),
            SecurityOpt: [
              'no-new-privileges',
              await seccompOption(this.podman, this.settings.folder),
              ...masked.option,
            ],
            ...(masked.MaskedPaths && { MaskedPaths: masked.MaskedPaths }),
            ReadonlyRootfs: spec.readOnlyRoot,
            ...(spec.init && this.initProcess && { Init: true }),
            Ulimits: ulimitsOf(spec),
            RestartPolicy: { Name: 'no' },
            ...gpus.options,
            LogConfig: logConfig(this.podman),
          },
          ...(task === undefined && {
            NetworkingConfig: {
              EndpointsConfig: { [network]: { Aliases: [spec.service, ...aliasesOf(spec)] } },
            },
          }),
        })
      await this.gpus.lend(spec.gpus, async (gpus) => {
        const container = await create(spec.workingDir, gpus)
        const settled = await this.settle(container, spec.workingDir)
        if (settled === spec.workingDir) return container.start()
        await container.remove({ force: true, v: true })
        return (await create(settled, gpus)).start()
      })
    } catch (cause) {
      throw startFailed(spec.name, cause)
    }
  }

  async restart(lease: string, name: string): Promise<void> {
    this.stopped.delete(this.nameOf(lease, name))
    this.addresses.delete(`${lease}/${name}`)
    const container = this.container(lease, name)
    if (this.podman) {
      const { State, Config } = await container.inspect()
      // It may have made links of what was there.
      if (!State.Running && (await this.settle(container, Config.WorkingDir)) !== Config.WorkingDir)
        throw new CloisterError(
          'start-failed',
          `${name} does not start: its working directory has become a link.`,
        )
    }
    await container.start().catch((cause) => {
      if (statusOf(cause) !== 304) throw startFailed(name, cause)
    })
  }

  /** Where a container that was made and doesn't run begins; on Podman without links. */
  private async settle({ id }: Docker.Container, workingDir: string): Promise<string> {
    if (!this.podman) return workingDir
    const settled = await withoutLinks(this.settings.socketPath, id, workingDir)
    return settled === posix.normalize(workingDir) ? workingDir : settled
  }

  async stop(lease: string, name: string, graceMs: number): Promise<void> {
    this.stopped.add(this.nameOf(lease, name))
    this.addresses.delete(`${lease}/${name}`)
    await ignoring([304, 404], this.container(lease, name).stop({ t: Math.ceil(graceMs / 1000) }))
  }

  resize(lease: string, name: string, size: Size): Promise<boolean> {
    return resizeContainer(this.container(lease, name), size)
  }

  /** Its disk is watched, by whoever knows its size. */
  async resizeDisk(): Promise<boolean> {
    return true
  }

  async remove(lease: string, name: string): Promise<void> {
    this.addresses.delete(`${lease}/${name}`)
    await ignoring([404, 409], this.container(lease, name).remove({ force: true, v: true }))
  }

  async keepVolumes(lease: string, names: readonly string[]): Promise<void> {
    const kept = new Set(names.map((name) => this.nameOf(lease, name)))
    for (const { Name } of await this.volumesOf(lease))
      if (isOfArchive(Name) && !kept.has(Name))
        // One that is mounted stays.
        await ignoring([404, 409], this.docker.getVolume(Name).remove())
  }

  async volumes(lease: string): Promise<string[]> {
    const prefix = this.nameOf(lease, '')
    const names = (await this.volumesOf(lease)).map(({ Name }) => Name)
    return names
      .filter((name) => name.startsWith(prefix) && !isOfArchive(name))
      .map((name) => name.slice(prefix.length))
      .sort()
  }

  async readVolume(lease: string, volume: string, options: ReadVolumeOptions): Promise<void> {
    if (!(await this.volumes(lease)).includes(volume)) throw noVolume(volume)
    // Nothing of the image is read, nor run: whichever there is does.
    const [container] = await this.containersOf(lease)
    const image = container?.ImageID ?? (await this.docker.listImages())[0]?.Id
    if (image === undefined) throw new CloisterError('not-running', 'No image is there to read volumes by.')
    const place = { name: this.nameOf(lease, volume), called: volume, labels: this.labels(lease) }
    await this.filled.read(place, image, options)
  }

  facts(): Promise<NodeFacts> {
    return factsOf(this.docker)
  }

  async hasImage(image: Image): Promise<boolean> {
    return hasImage(this.docker, await this.engineReference(image))
  }

  async exportImage(image: Image): Promise<Readable> {
    return exportImage(this.docker, await this.engineReference(image), image)
  }

  importImage(archive: Readable): Promise<void> {
    return importImage(this.docker, archive)
  }

  async removeIn(lease: string, task: string): Promise<void> {
    for (const { Id, HostConfig } of await this.containersOf(lease))
      if (networkOwner(HostConfig) === task)
        await ignoring([404, 409], this.docker.getContainer(Id).remove({ force: true, v: true }))
    for (const key of this.addresses.keys()) if (key.startsWith(`${lease}/`)) this.addresses.delete(key)
  }

  async containers(lease: string): Promise<NodeContainer[]> {
    const found = await this.containersOf(lease)
    // One without a name fills a volume.
    const named = found.filter(({ Labels }) => Labels[`${LABEL}.name`] !== undefined)
    const all = await Promise.all(named.map(({ Id }) => this.inspect(Id)))
    return all.filter((status) => status !== undefined)
  }

  async wait(lease: string, name: string, signal: AbortSignal): Promise<Exit> {
    const container = this.container(lease, name)
    await container.wait({ condition: 'not-running', abortSignal: signal })
    const { State } = await container.inspect()
    return this.exitOf(this.nameOf(lease, name), State)
  }

  logs(lease: string, name: string, options: LogOptions): AsyncIterable<LogLine> {
    return readContainerLogs(this.container(lease, name), options, this.podman)
  }

  exec(lease: string, name: string, options: ExecOptions): Promise<ExecSession> {
    return execIn(this.docker, this.container(lease, name), options)
  }

  usage(lease: string, name: string): Promise<Usage> {
    return usageOf(this.container(lease, name))
  }

  async traffic(lease: string): Promise<Traffic> {
    const running = (await this.containersOf(lease)).filter(({ State }) => State === 'running')
    const owners = running.map(({ Id, HostConfig }) => networkOwner(HostConfig) ?? Id)
    return trafficOf(owners.map((id) => this.docker.getContainer(id)))
  }

  async diskUsage(lease: string): Promise<number> {
    const volumes = (await this.volumesOf(lease)).map(({ Name, Mountpoint }) => ({
      name: Name,
      folder: Mountpoint,
    }))
    const containers = (await this.containersOf(lease)).map(({ Id }) => this.docker.getContainer(Id))
    const written = await writtenBytes(volumes, containers, this.volumeSizes)
    return written + (await filesBytes(this.folderOf(lease)))
  }

  async connect(lease: string, name: string, port: number): Promise<Duplex> {
    return connect({ host: await this.addressOf(lease, name), port, noDelay: true })
  }

  async datagrams(
    lease: string,
    name: string,
    port: number,
    receive: (datagram: Buffer) => void,
  ): Promise<DatagramFlow> {
    return flowOver(createSocket('udp4'), await this.addressOf(lease, name), port, receive)
  }

  async halt(lease: string): Promise<void> {
    // A container that is being stopped or removed already is refused, and asked for again until it is gone.
    for (let tries = 1; ; tries++) {
      const containers = await this.containersOf(lease)
      if (containers.length === 0) return
      if (tries > HALT_TRIES)
        throw new CloisterError('engine-failed', `Containers of ${lease} can't be removed.`)
      await Promise.all(
        containers.map((c) =>
          ignoring([404, 409], this.docker.getContainer(c.Id).remove({ force: true, v: true })),
        ),
      )
      if (tries > 1) await delay(HALT_PAUSE_MS)
    }
  }

  async destroy(lease: string): Promise<void> {
    try {
      await this.halt(lease)
      for (const volume of await this.volumesOf(lease))
        await ignoring([404], this.docker.getVolume(volume.Name).remove())
      for (const network of await this.networksOf(lease))
        await ignoring([404], this.docker.getNetwork(network.Id).remove())
    } finally {
      // Whatever the engine couldn't remove: a bridge that is forgotten leads nowhere, and the files may be
      // secrets.
      await this.filter?.forget(lease)
      await rm(this.folderOf(lease), { recursive: true, force: true })
      for (const key of this.addresses.keys()) if (key.startsWith(`${lease}/`)) this.addresses.delete(key)
    }
  }

  async close(): Promise<void> {}

  private async addressOf(lease: string, name: string): Promise<string> {
    const key = `${lease}/${name}`
    const known = this.addresses.get(key)
    if (known) return known
    const { NetworkSettings, HostConfig } = await this.container(lease, name).inspect()
    const owner = networkOwner(HostConfig)
    const { Networks } = owner
      ? (await this.docker.getContainer(owner).inspect()).NetworkSettings
      : NetworkSettings
    // Where it has two, this machine is on the bridge.
    const address = (Networks[this.nameOf(lease, 'bridge')] ?? Object.values(Networks)[0])?.IPAddress
    if (!address) throw new CloisterError('not-running', `${name} has no address.`)
    this.addresses.set(key, address)
    return address
  }

  private exitOf(name: string, state: { ExitCode: number; OOMKilled: boolean }): Exit {
    // Podman does not tell on control groups version 1, but then nobody else kills what we did not stop.
    const killed = this.podman && state.ExitCode === KILLED && !this.stopped.has(name)
    return { code: state.ExitCode, outOfMemory: state.OOMKilled || killed }
  }

  private async inspect(id: string): Promise<NodeContainer | undefined> {
    try {
      const { State, Config, HostConfig } = await this.docker.getContainer(id).inspect()
      const label = (name: string) => Config.Labels[`${LABEL}.${name}`] ?? ''
      return {
        name: label('name'),
        revision: label('revision'),
        digest: label('digest'),
        running: State.Running,
        exit:
          State.Running || State.Status === 'created'
            ? undefined
            : this.exitOf(this.nameOf(label('lease'), label('name')), State),
        startedAt: Date.parse(State.StartedAt) || 0,
        ...sizeOf(HostConfig),
        ...(networkOwner(HostConfig) !== undefined && { networkOf: networkOwner(HostConfig) }),
      }
    } catch (error) {
      if (statusOf(error) === 404) return undefined
      throw error
    }
  }

  /** The lease's own network, and what it may reach. */
  private async ensureNetwork({ lease, internet }: ContainerSpec): Promise<string> {
    const name = this.nameOf(lease, 'bridge')
    await this.filter?.admit(lease, internet !== false)
    // One that is being made is in no list yet, and keeps its bridge from others.
    const making =
      this.makingNetworks.get(name) ??
      this.makeNetwork(lease, name).finally(() => this.makingNetworks.delete(name))
    this.makingNetworks.set(name, making)
    await making
    return name
  }

  private async makeNetwork(lease: string, name: string): Promise<void> {
    const isThere = async () => {
      const networks = await this.docker.listNetworks({ filters: { name: [name] } })
      return networks.some((network) => network.Name === name)
    }
    if (await isThere()) return
    await this.docker
      .createNetwork({
        Name: name,
        Driver: 'bridge',
        CheckDuplicate: true,
        // Without a filter nothing is let out rather than everything.
        Internal: this.filter === undefined,
        Labels: this.labels(lease),
        ...(this.filter && { Options: { 'com.docker.network.bridge.name': this.filter.bridgeOf(lease) } }),
      })
      .catch(async (error) => {
        if (statusOf(error) !== 409 && !(await isThere())) throw error
      })
  }

  private ensureVolume(
    { lease, image, user, leaseDiskMiB }: ContainerSpec,
    { volume, from }: ContainerSpec['mounts'][number],
  ): Promise<void> {
    return this.filled.ensure({
      name: this.nameOf(lease, volume),
      called: volume,
      labels: this.labels(lease),
      mark: join(this.folderOf(lease), '.filling', volume),
      ...(from !== undefined && {
        begin: {
          from,
          image: () => this.engineReference(image),
          user,
          limits: () => this.volumeLimits(lease, leaseDiskMiB),
        },
      }),
    })
  }

  private async volumeLimits(lease: string, diskMiB: number | undefined): Promise<UnpackLimits> {
    return volumeLimits(diskMiB, diskMiB === undefined ? 0 : await this.diskUsage(lease))
  }

  private async engineReference(image: Image): Promise<string> {
    if (!image.digest.startsWith('sha256:')) return image.digest
    const local = localTag(image.digest)
    if (await hasImage(this.docker, local)) return local
    const pinned = pinnedReference(image.reference, image.digest)
    return (await hasImage(this.docker, pinned)) ? pinned : image.digest
  }

  private async containersOf(lease: string): Promise<Docker.ContainerInfo[]> {
    const found = await this.docker.listContainers({ all: true, filters: this.filters() })
    return found.filter(({ Labels }) => this.leaseOf(Labels) === lease)
  }

  private async running(lease: string): Promise<Docker.ContainerInspectInfo[]> {
    const found = await this.containersOf(lease)
    const inspected = found.map(({ Id }) =>
      this.docker
        .getContainer(Id)
        .inspect()
        .catch(() => undefined),
    )
    const all = (await Promise.all(inspected)).filter((one) => one !== undefined)
    return all.filter(({ State }) => State.Running && State.Pid > 0)
  }

  private async volumesOf(lease: string): Promise<Docker.VolumeInspectInfo[]> {
    const { Volumes } = await this.docker.listVolumes({ filters: this.filters() })
    return (Volumes ?? []).filter(({ Labels }) => this.leaseOf(Labels) === lease)
  }

  private async networksOf(lease: string): Promise<Docker.NetworkInspectInfo[]> {
    const found = await this.docker.listNetworks({ filters: this.filters() })
    return found.filter(({ Labels }) => this.leaseOf(Labels) === lease)
  }

  /** One label only: Docker takes several as all of them, Podman takes several of volumes as any of them. */
  private filters(): { label: string[] } {
    return { label: [`${LABEL}.scope=${this.settings.scope}`] }
  }

  /** The lease of this worker's that something is of, whatever the engine made of the filter. */
  private leaseOf(labels: Record<string, string> | null | undefined): string | undefined {
    return leaseOf(labels, this.settings.scope)
  }

  private labels(lease: string): Record<string, string> {
    return { [`${LABEL}.scope`]: this.settings.scope, [`${LABEL}.lease`]: lease }
  }

  /** Where what its containers are given lies. */
  private folderOf(lease: string): string {
    return join(this.settings.folder, shorten(lease))
  }

  private nameOf(lease: string, part: string): string {
    return `cloister-${this.settings.scope}-${shorten(lease)}-${part}`
  }

  private container(lease: string, name: string) {
    return this.docker.getContainer(this.nameOf(lease, name))
  }
}

function leaseOf(labels: Record<string, string> | null | undefined, scope: string): string | undefined {
  return labels?.[`${LABEL}.scope`] === scope ? labels[`${LABEL}.lease`] : undefined
}

/** The filter of the engine's bridges, or nothing where this process may not set one. */
async function openFilter(
  docker: Docker,
  { scope, wayOut = DEFAULT_LIMITS }: DockerSettings,
): Promise<BridgeFilter | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const filters = { label: [`${LABEL}.scope=${scope}`] }
  const [networks, containers] = await Promise.all([
    docker.listNetworks({ filters }),
    docker.listContainers({ all: true, filters }),
  ])
  const own = [...networks, ...containers].flatMap(({ Labels }) => leaseOf(Labels, scope) ?? [])
  const leases = new Map(own.map((lease) => [lease, true]))
  for (const { Labels } of containers) {
    const lease = leaseOf(Labels, scope)
    if (lease !== undefined && Labels[`${LABEL}.internet`] === 'false') leases.set(lease, false)
  }
  return BridgeFilter.open(scope, wayOut === 'off' ? undefined : wayOut, leases).catch(() => undefined)
}

function tmpfsOptions({ sizeMiB, mode = 0o1777, uid, gid }: ContainerSpec['tmpfs'][number]): string {
  const owner = `${uid === undefined ? '' : `,uid=${uid}`}${gid === undefined ? '' : `,gid=${gid}`}`
  return `rw,nosuid,nodev,size=${sizeMiB}m,mode=${mode.toString(8)}${owner}`
}

function aliasesOf({ service, aliases = {} }: ContainerSpec): string[] {
  return Object.keys(aliases).filter((alias) => aliases[alias] === service)
}

function shorten(lease: string): string {
  return /^0x[0-9a-f]{64}$/.test(lease)
    ? lease.slice(2, 26)
    : createHash('sha256').update(lease).digest('hex').slice(0, 24)
}
