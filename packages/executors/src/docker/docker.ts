import { createSocket } from 'node:dgram'
import { chmod, mkdir, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { posix } from 'node:path'
import type { Duplex, Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { CloisterError } from '@cloister/core'
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
import { startFailed } from '../failures.ts'
import { checkLimits } from '../least.ts'
import type { BridgeFilter } from '../network/bridge-filter.ts'
import { ImageRoom } from '../oci/image-room.ts'
import { pinnedReference } from '../oci/reference.ts'
import { UNPACK_LIMITS } from '../oci/unpack.ts'
import { canTunnel, type PrivateNetworks } from '../private-network/place.ts'
import type { ImageEngine, NodeContainer, NodeFacts } from '../swarm/node-engine.ts'
import type { ReadVolumeOptions } from '../volumes/read.ts'
import { Addresses } from './addresses.ts'
import { filesBytes, writeFiles } from './container-files.ts'
import { readContainerLogs } from './container-log.ts'
import { createOptions } from './create.ts'
import { execIn } from './exec.ts'
import { ignoring, statusOf } from './failures.ts'
import { FilledVolumes } from './filled-volumes.ts'
import { Found } from './found.ts'
import { Gpus, type LentGpus } from './gpus.ts'
import { isolationOf } from './isolation.ts'
import { LeaseVolumes } from './lease-volumes.ts'
import { LABEL, Names } from './names.ts'
import { LeaseNetworks, openFilter } from './network.ts'
import { containerNetworks } from './private-networks.ts'
import { hasImage, localTag, pullImage } from './pull.ts'
import type { DockerSettings } from './settings.ts'
import { resizeContainer, sizeOf } from './size.ts'
import { exportImage, factsOf, importImage, joinNetwork, networkOwner } from './swarm-node.ts'
import { trafficOf, usageOf } from './usage.ts'
import { VolumeSizes } from './volume-sizes.ts'
import { withoutLinks } from './working-dir.ts'
import { isReadable, writtenBytes } from './written.ts'

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
  private readonly names: Names
  private readonly found: Found
  private readonly volumeSizes: VolumeSizes
  private readonly leaseVolumes: LeaseVolumes
  private readonly gpus: Gpus
  private readonly podman: boolean
  private readonly initProcess: boolean
  private readonly filter: BridgeFilter | undefined
  private readonly addresses: Addresses
  private readonly networks: LeaseNetworks
  /** Names of containers that were asked to stop. */
  private readonly stopped = new Set<string>()
  readonly isolation: Isolation
  readonly separateNetworks = true
  readonly privateNetworks: PrivateNetworks | undefined

  private constructor(
    docker: Docker,
    settings: DockerSettings,
    engine: { podman: boolean; initProcess: boolean; version: string },
    filter: BridgeFilter | undefined,
  ) {
    this.docker = docker
    this.settings = settings
    this.podman = engine.podman
    const names = new Names(settings)
    this.names = names
    this.found = new Found(docker, names)
    this.addresses = new Addresses(docker, names)
    this.networks = new LeaseNetworks(docker, names, filter)
    this.volumeSizes = new VolumeSizes(docker)
    this.gpus = new Gpus(docker, `${LABEL}.gpus`, settings.gpus)
    this.leaseVolumes = new LeaseVolumes({
      docker,
      names,
      found: this.found,
      filled: new FilledVolumes(docker, { socketPath: settings.socketPath, podman: engine.podman }),
      nameOfImage: (image) => this.engineReference(image),
      diskUsage: (lease) => this.diskUsage(lease),
    })
    this.initProcess = engine.initProcess
    this.filter = filter
    // Its filter keeps containers from each other; without one they aren't led anywhere else either.
    const isReady = filter !== undefined && canTunnel()
    this.privateNetworks = isReady ? containerNetworks((lease) => this.found.running(lease)) : undefined
    this.isolation = isolationOf(engine, filter !== undefined)
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
      const filter = await openFilter(docker, settings, new Names(settings))
      return new DockerExecutor(docker, settings, engine, filter)
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

  leases(): Promise<string[]> {
    return this.found.leases()
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
    this.stopped.delete(this.names.nameOf(spec.lease, spec.name))
    const network = await this.networks.ensure(spec)
    if (task !== undefined)
      await joinNetwork(this.docker, network, task, this.names.labels(spec.lease)).catch((cause) => {
        throw startFailed(spec.name, cause)
      })
    for (const mount of spec.mounts)
      await this.leaseVolumes.ensure(spec, mount).catch((cause) => {
        throw startFailed(spec.name, cause)
      })
    const place = { lease: this.names.folderOf(spec.lease), name: spec.name, diskMiB: spec.leaseDiskMiB }
    const binds = await writeFiles(place, spec.files)
    if (spec.agentFolder !== undefined) binds.push(`${spec.agentFolder}:${AGENT_FOLDER}:ro`)
    try {
      const maker = { podman: this.podman, initProcess: this.initProcess, folder: this.settings.folder }
      const given = { image: await this.engineReference(spec.image), binds, network, task }
      const create = async (workingDir: string, gpus: LentGpus) =>
        this.docker.createContainer(
          await createOptions(spec, maker, this.names, { ...given, workingDir, gpus }),
        )
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
    this.stopped.delete(this.names.nameOf(lease, name))
    this.addresses.forget(lease, name)
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
    this.stopped.add(this.names.nameOf(lease, name))
    this.addresses.forget(lease, name)
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
    this.addresses.forget(lease, name)
    await ignoring([404, 409], this.container(lease, name).remove({ force: true, v: true }))
  }

  keepVolumes(lease: string, names: readonly string[]): Promise<void> {
    return this.leaseVolumes.keep(lease, names)
  }

  volumes(lease: string): Promise<string[]> {
    return this.leaseVolumes.list(lease)
  }

  readVolume(lease: string, volume: string, options: ReadVolumeOptions): Promise<void> {
    return this.leaseVolumes.read(lease, volume, options)
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
    for (const { Id, HostConfig } of await this.found.containersOf(lease))
      if (networkOwner(HostConfig) === task)
        await ignoring([404, 409], this.docker.getContainer(Id).remove({ force: true, v: true }))
    this.addresses.forget(lease)
  }

  async containers(lease: string): Promise<NodeContainer[]> {
    const found = await this.found.containersOf(lease)
    // One without a name fills a volume.
    const named = found.filter(({ Labels }) => Labels[`${LABEL}.name`] !== undefined)
    const all = await Promise.all(named.map(({ Id }) => this.inspect(Id)))
    return all.filter((status) => status !== undefined)
  }

  async wait(lease: string, name: string, signal: AbortSignal): Promise<Exit> {
    const container = this.container(lease, name)
    await container.wait({ condition: 'not-running', abortSignal: signal })
    const { State } = await container.inspect()
    return this.exitOf(this.names.nameOf(lease, name), State)
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
    const running = (await this.found.containersOf(lease)).filter(({ State }) => State === 'running')
    const owners = running.map(({ Id, HostConfig }) => networkOwner(HostConfig) ?? Id)
    return trafficOf(owners.map((id) => this.docker.getContainer(id)))
  }

  async diskUsage(lease: string): Promise<number> {
    const volumes = (await this.found.volumesOf(lease)).map(({ Name, Mountpoint }) => ({
      name: Name,
      folder: Mountpoint,
    }))
    const containers = (await this.found.containersOf(lease)).map(({ Id }) => this.docker.getContainer(Id))
    const written = await writtenBytes(volumes, containers, this.volumeSizes)
    return written + (await filesBytes(this.names.folderOf(lease)))
  }

  async connect(lease: string, name: string, port: number): Promise<Duplex> {
    return connect({ host: await this.addresses.of(lease, name), port, noDelay: true })
  }

  async datagrams(
    lease: string,
    name: string,
    port: number,
    receive: (datagram: Buffer) => void,
  ): Promise<DatagramFlow> {
    return flowOver(createSocket('udp4'), await this.addresses.of(lease, name), port, receive)
  }

  async halt(lease: string): Promise<void> {
    // A container that is being stopped or removed already is refused, and asked for again until it is gone.
    for (let tries = 1; ; tries++) {
      const containers = await this.found.containersOf(lease)
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
      for (const volume of await this.found.volumesOf(lease))
        await ignoring([404], this.docker.getVolume(volume.Name).remove())
      for (const network of await this.found.networksOf(lease))
        await ignoring([404], this.docker.getNetwork(network.Id).remove())
    } finally {
      // Whatever the engine couldn't remove: a bridge that is forgotten leads nowhere, and the files may be
      // secrets.
      await this.filter?.forget(lease)
      await rm(this.names.folderOf(lease), { recursive: true, force: true })
      this.addresses.forget(lease)
    }
  }

  async close(): Promise<void> {}

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
            : this.exitOf(this.names.nameOf(label('lease'), label('name')), State),
        startedAt: Date.parse(State.StartedAt) || 0,
        ...sizeOf(HostConfig),
        ...(networkOwner(HostConfig) !== undefined && { networkOf: networkOwner(HostConfig) }),
      }
    } catch (error) {
      if (statusOf(error) === 404) return undefined
      throw error
    }
  }

  private async engineReference(image: Image): Promise<string> {
    if (!image.digest.startsWith('sha256:')) return image.digest
    const local = localTag(image.digest)
    if (await hasImage(this.docker, local)) return local
    const pinned = pinnedReference(image.reference, image.digest)
    return (await hasImage(this.docker, pinned)) ? pinned : image.digest
  }

  private container(lease: string, name: string) {
    return this.docker.getContainer(this.names.nameOf(lease, name))
  }
}
