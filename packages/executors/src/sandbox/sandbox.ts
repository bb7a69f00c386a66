import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import type { Duplex } from 'node:stream'
import { CloisterError } from '@cloister/core'
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
  PullOptions,
  Size,
  Traffic,
  Usage,
} from '../executor.ts'
import { noVolume, startFailed } from '../failures.ts'
import { checkLimits } from '../least.ts'
import { K8sLogFormat } from '../logs/k8s-file.ts'
import { readLogFile } from '../logs/read-file.ts'
import { DEFAULT_LIMITS, type WayOutLimits } from '../network/limits.ts'
import { hostAddresses } from '../network/way-out.ts'
import type { ImageSettings } from '../oci/find.ts'
import { canTunnel, type NetworkPlace, type PrivateNetworks } from '../private-network/place.ts'
import { type ReadVolumeOptions, readVolumeApart } from '../volumes/read.ts'
import { type Cgroups, findCgroups, LeaseCgroup, type Limits } from './cgroup.ts'
import { Container } from './container.ts'
import { Dialler } from './dialler.ts'
import { execSession } from './exec.ts'
import { ImageStore } from './image-store.ts'
import { Lease, wipeAgain } from './lease.ts'
import { checkPaths } from './paths.ts'
import { IS_ROOT, openDoor, placesOf } from './places.ts'
import type { Ready } from './ready.ts'
import { findReady } from './ready-note.ts'
import { inGroups } from './run.ts'
import { trafficOf } from './traffic.ts'
import { keepVolumes, volumeFolder, volumeNames } from './volumes.ts'

export interface SandboxSettings {
  /** Folder of leases. Kept across restarts. */
  folder: string
  /** Folder of unpacked images; several workers may share one. */
  imageFolder: string
  images: ImageSettings
  /** How much of the internet a lease gets; `off` for none. */
  wayOut?: WayOutLimits | 'off'
}

/** MiB and threads that all unpacking of images may take together. */
const UNPACKING_MIB = 2_048
const UNPACKING_THREADS = 128

/** Between two looks at the machine's own addresses. */
const HOSTS_MS = 10_000

/** What of an executor ends leases. */
export type Remains = Pick<SandboxExecutor, 'leases' | 'halt' | 'destroy' | 'close'>

/** Runs containers without a daemon: OCI images unpacked here, run by runc, watched over by conmon. */
export class SandboxExecutor implements Executor {
  private readonly settings: SandboxSettings
  private readonly images: ImageStore
  private readonly cgroups: Cgroups
  /** Around everything that unpacks images here, whichever lease it works for. */
  private readonly unpackers: LeaseCgroup
  private readonly ready: Ready
  private readonly dialler = new Dialler()
  private readonly known = new Map<string, Lease>()
  private readonly wayOut: WayOutLimits | undefined
  private hosts = hostAddresses().join()
  private readonly looking: NodeJS.Timeout
  readonly isolation: Isolation
  readonly separateNetworks = false
  readonly privateNetworks: PrivateNetworks | undefined

  private constructor(settings: SandboxSettings, cgroups: Cgroups, ready: Ready) {
    this.settings = settings
    this.images = new ImageStore(settings.imageFolder, settings.images, (command) => this.unpacking(command))
    this.unpackers = new LeaseCgroup(
      cgroups,
      `cloister-images-${createHash('sha256').update(settings.folder).digest('hex').slice(0, 12)}`,
    )
    this.cgroups = cgroups
    this.ready = ready
    const { wayOut = DEFAULT_LIMITS } = settings
    this.wayOut = wayOut === 'off' || !ready.wayOut ? undefined : wayOut
    this.isolation = isolationOf(cgroups, ready, this.wayOut !== undefined)
    this.privateNetworks = canTunnel()
      ? {
          places: (id) => this.placesOf(id),
          setHosts: (id, lines) => this.setHosts(id, lines),
        }
      : undefined
    this.looking = setInterval(() => void this.lookAtHosts(), HOSTS_MS).unref()
  }

  /** Looks at what the kernel allows. Throws `no-engine`, with what to do about it. */
  static async open(settings: SandboxSettings): Promise<SandboxExecutor> {
    await openFolder(settings.folder)
    const ready = await findReady(settings.folder, settings.imageFolder)
    const executor = new SandboxExecutor(settings, findCgroups(), ready)
    await executor.holdImages()
    return executor
  }

  /** Opens what another process left, to end it. What the kernel allows isn't looked at: nothing starts. */
  static async openRemains(settings: SandboxSettings): Promise<Remains> {
    await openFolder(settings.folder)
    return new SandboxExecutor(settings, findCgroups(), { disks: false, ids: false, wayOut: false })
  }

  pull(reference: string, options?: PullOptions): Promise<Image> {
    return this.images.pull(reference, options)
  }

  async leases(): Promise<string[]> {
    const keys = await readdir(join(this.settings.folder, 'leases')).catch(() => [])
    const names = await Promise.all(
      keys.map((key) => readFile(join(this.settings.folder, 'leases', key, 'lease'), 'utf8').catch(() => '')),
    )
    // A folder that was begun and never finished has nothing in it that anybody knows of.
    return names.filter(
      (name, index) => name !== '' && placesOf(this.settings.folder, name).key === keys[index],
    )
  }

  async start(spec: ContainerSpec): Promise<void> {
    const lease = this.lease(spec.lease)
    await lease.inTurn(async () => {
      try {
        checkLimits(spec)
        checkPaths(spec)
        const limits = await this.limitsOf(lease, spec)
        const holder = await lease.prepare(limits, this.ready.disks ? spec.leaseDiskMiB : undefined)
        const container = this.container(lease, spec.name)
        await container.clear()
        // What was in the way may be gone.
        if (lease.disk.mayGrow) await lease.disk.open(spec.leaseDiskMiB)
        await lease.leadOut(spec.internet === false ? undefined : this.wayOut)
        await this.images.room.hold(
          basename(this.images.rootOf(spec.image.digest)),
          lease.places.folder,
          spec.name,
        )
        await container.start(spec, this.images.rootOf(spec.image.digest), holder)
        lease.limit(limits, false)
      } catch (cause) {
        throw startFailed(spec.name, cause)
      }
    })
  }

  async restart(id: string, name: string): Promise<void> {
    const lease = this.lease(id)
    await lease.inTurn(async () => {
      try {
        const limits = await this.limitsOf(lease)
        const holder = await lease.prepare(limits, undefined)
        const container = this.container(lease, name)
        await lease.leadOut((await container.record())?.spec.internet === false ? undefined : this.wayOut)
        await container.restart(holder)
        lease.limit(limits, false)
      } catch (cause) {
        throw startFailed(name, cause)
      }
    })
  }

  stop(id: string, name: string, graceMs: number): Promise<void> {
    return this.container(this.lease(id), name).stop(graceMs)
  }

  async resize(id: string, name: string, size: Size): Promise<boolean> {
    const lease = this.lease(id)
    return lease.inTurn(async () => {
      const before = await this.limitsOf(lease)
      // The lease's own share is never below what its containers have.
      lease.limit(
        {
          ...before,
          cpuMilli: before.cpuMilli + size.cpuMilli,
          memoryMiB: before.memoryMiB + size.memoryMiB,
        },
        false,
      )
      const isDone = await this.container(lease, name).resize(size)
      lease.limit(await this.limitsOf(lease), false)
      return isDone
    })
  }

  async resizeDisk(id: string, diskMiB: number): Promise<boolean> {
    const lease = this.lease(id)
    return lease.inTurn(async () => {
      if (!this.ready.disks || !lease.disk.isBounded) return true
      await lease.disk.open(diskMiB)
      return !lease.disk.mayGrow
    })
  }

  async remove(id: string, name: string): Promise<void> {
    const lease = this.lease(id)
    await lease.inTurn(async () => {
      await this.clear(lease, [name])
      await this.images.room.release(lease.places.folder, name)
    })
  }

  async keepVolumes(id: string, names: readonly string[]): Promise<void> {
    const lease = this.lease(id)
    await lease.inTurn(async () => {
      const containers = await lease.containerNames()
      const records = await Promise.all(containers.map((name) => this.container(lease, name).record()))
      const mounted = records.flatMap((record) => record?.spec.mounts.map(({ volume }) => volume) ?? [])
      await keepVolumes(lease, names, mounted)
    })
  }

  async volumes(id: string): Promise<string[]> {
    const lease = this.lease(id)
    await this.mountDisk(lease)
    return volumeNames(lease)
  }

  async readVolume(id: string, volume: string, options: ReadVolumeOptions): Promise<void> {
    const lease = this.lease(id)
    if (!(await this.volumes(id)).includes(volume)) throw noVolume(volume)
    const firstId = await lease.firstId()
    const seen = await lease.asOwner([])
    // Beside the lease's own limits: what it runs is not to be ended for want of memory that reading takes.
    await readVolumeApart(volume, { folder: join(volumeFolder(lease), volume), firstId }, options, {
      charged: (command) => this.unpacking([...seen, ...command]),
    })
  }

  async containers(id: string): Promise<ContainerStatus[]> {
    const lease = this.lease(id)
    const found: ContainerStatus[] = []
    for (const name of await lease.containerNames()) {
      const record = await this.container(lease, name).record()
      if (!record) continue
      const { spec, startedAt, exit } = record
      found.push({
        name,
        revision: spec.revision,
        digest: spec.image.digest,
        startedAt,
        running: exit === undefined,
        exit,
        cpuMilli: spec.cpuMilli,
        memoryMiB: spec.memoryMiB,
      })
    }
    return found
  }

  wait(id: string, name: string, signal: AbortSignal): Promise<Exit> {
    return this.container(this.lease(id), name).wait(signal)
  }

  logs(id: string, name: string, options: LogOptions): AsyncIterable<LogLine> {
    return readLogFile(this.container(this.lease(id), name).logPath, options, new K8sLogFormat())
  }

  async exec(id: string, name: string, options: ExecOptions): Promise<ExecSession> {
    const command = await this.container(this.lease(id), name)
      .execCommand(options.argv, options.terminal)
      .catch((cause) => {
        throw new CloisterError('not-running', 'The container is not running.', { cause })
      })
    return execSession(command, options)
  }

  usage(id: string, name: string): Promise<Usage> {
    return this.container(this.lease(id), name).usage()
  }

  async traffic(id: string): Promise<Traffic | undefined> {
    const holder = await this.lease(id).holder()
    return holder && trafficOf(holder.pid)
  }

  diskUsage(id: string): Promise<number> {
    return this.lease(id).disk.usedBytes()
  }

  async connect(id: string, _name: string, port: number): Promise<Duplex> {
    const holder = await this.lease(id).holder()
    if (!holder) throw new CloisterError('not-running', 'The container is not running.')
    return this.dialler.connect(holder.pid, port)
  }

  async datagrams(
    id: string,
    _name: string,
    port: number,
    receive: (datagram: Buffer) => void,
  ): Promise<DatagramFlow> {
    const holder = await this.lease(id).holder()
    if (!holder) throw new CloisterError('not-running', 'The container is not running.')
    return flowOver(await this.dialler.datagramSocket(holder.pid), '127.0.0.1', port, receive)
  }

  async halt(id: string): Promise<void> {
    const lease = this.lease(id)
    await lease.inTurn(async () => {
      await this.clear(lease, await lease.containerNames())
      await lease.halt()
    })
  }

  async destroy(id: string): Promise<void> {
    const lease = this.lease(id)
    await lease.inTurn(() => lease.destroy())
    this.known.delete(id)
  }

  async close(): Promise<void> {
    clearInterval(this.looking)
    this.dialler.close()
    await this.unpackers.destroy()
  }

  /** All containers of a lease share its one network. */
  private async placesOf(id: string): Promise<NetworkPlace[]> {
    const lease = this.lease(id)
    const holder = await lease.holder()
    const all = holder ? await this.containers(id) : []
    const containers = all.filter(({ running }) => running).map(({ name }) => name)
    if (!holder || containers.length === 0) return []
    return [{ name: '', containers, pid: holder.pid, charged: (command) => lease.inGroup(command) }]
  }

  private async setHosts(id: string, lines: readonly string[]): Promise<void> {
    const lease = this.lease(id)
    await lease.inTurn(async () => {
      for (const name of await lease.containerNames()) await this.container(lease, name).setHosts(lines)
    })
  }

  /** This machine may get another address at any time, and a lease must not reach that either. */
  private async lookAtHosts(): Promise<void> {
    const hosts = hostAddresses().join()
    if (hosts === this.hosts) return
    const leases = await this.leases()
    const done = await Promise.all(
      leases.map((id) =>
        this.lease(id)
          .refreshHosts()
          .then(
            () => true,
            () => false,
          ),
      ),
    )
    if (done.every(Boolean)) this.hosts = hosts
  }

  /**
   * `command` with half of the CPUs, and memory for a few at a time, which it shares with all of its kind.
   */
  private unpacking(command: string[]): string[] {
    this.unpackers.limit({
      cpuMilli: Math.max(1_000, availableParallelism() * 500),
      memoryMiB: UNPACKING_MIB,
      maxProcesses: UNPACKING_THREADS,
    })
    return inGroups(this.unpackers.keeperFiles, command)
  }

  /** A machine that was started anew mounts a disk when it is first asked for. */
  private async mountDisk(lease: Lease): Promise<void> {
    if (existsSync(lease.places.folder)) await lease.inTurn(() => lease.disk.open(undefined))
  }

  /** Says which images there are containers of, whoever started them. */
  private async holdImages(): Promise<void> {
    for (const id of await this.leases()) {
      const lease = this.lease(id)
      for (const name of await lease.containerNames()) {
        const image = (await this.container(lease, name).record())?.image
        if (image !== undefined) await this.images.room.hold(basename(image), lease.places.folder, name)
      }
    }
  }

  /**
   * Removes containers. Clearing away what they wrote is charged to the lease, but not slowed down to its
   * own share.
   */
  private async clear(lease: Lease, names: string[]): Promise<void> {
    if (!existsSync(lease.places.folder)) return
    lease.limit(await this.limitsOf(lease), true)
    for (const name of names) await this.container(lease, name).remove()
    const left = await this.limitsOf(lease)
    if (left.cpuMilli > 0) lease.limit(left, false)
  }

  private lease(id: string): Lease {
    const lease = this.known.get(id) ?? new Lease(this.settings.folder, id, this.cgroups)
    this.known.set(id, lease)
    return lease
  }

  private container(lease: Lease, name: string): Container {
    if (!/^[a-z0-9][a-z0-9_.-]{0,99}$/i.test(name) || /[\r\n]/.test(name))
      throw new CloisterError('engine-failed', `${name} is no name of a container.`)
    return new Container(lease, name, this.cgroups)
  }

  /** What a lease's containers may take together, with one that is to be started. */
  private async limitsOf(lease: Lease, next?: ContainerSpec): Promise<Limits> {
    const others = (await lease.containerNames()).filter((name) => name !== next?.name)
    const all = [next, ...(await Promise.all(others.map((name) => this.container(lease, name).limits)))]
    const sum = (part: keyof Limits) => all.reduce((total, limits) => total + (limits?.[part] ?? 0), 0)
    return { cpuMilli: sum('cpuMilli'), memoryMiB: sum('memoryMiB'), maxProcesses: sum('maxProcesses') }
  }
}

async function openFolder(folder: string): Promise<void> {
  await mkdir(join(folder, 'leases'), { recursive: true, mode: 0o700 })
  await openDoor()
  wipeAgain(folder)
}

function isolationOf(cgroups: Cgroups, ready: Ready, wayOut: boolean): Isolation {
  const limits = ['cpu', 'memory', 'processes']
  const counted = cgroups.version !== 'none'
  return {
    engine: `sandbox (runc${IS_ROOT ? '' : ', rootless'})`,
    enforced: [
      ...(counted ? limits : []),
      ready.disks ? 'disk' : 'disk (by watching)',
      'user namespace',
      'seccomp',
      'no new privileges',
      'capabilities',
      'network per lease',
      "no way to the host, to other leases or to the provider's networks",
    ],
    missing: [
      "the host's kernel is shared",
      ...(wayOut ? [] : ['no way out to the internet']),
      'the services of a lease share one network namespace',
      ...(IS_ROOT
        ? []
        : [
            'user ids of its own for each lease, and a share of its own of what the kernel counts by user: all leases are the same user here',
          ]),
      ...(counted ? [] : [`${limits.join(', ')} limits: no control groups can be made here`]),
      ...(ready.disks ? [] : ['a disk limit by the kernel: no file systems in files can be mounted here']),
      ...(ready.ids
        ? []
        : ['users other than root in a container: this user has no subordinate ids (subuid(5))']),
    ],
  }
}
