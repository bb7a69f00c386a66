import type { Duplex, Readable, Writable } from 'node:stream'
import type { Capability, Health } from '@cloister/core'
import type { PrivateNetworks } from './private-network/place.ts'
import type { ReadVolumeOptions } from './volumes/read.ts'

/**
 * MiB that what works for a lease (monitors, commands that are being begun) may take beside its containers'
 * memory; its tenant pays for it.
 */
export const LEASE_OVERHEAD_MIB = 64

/** An image on the worker, ready to run. */
export interface Image {
  /** As the manifest names it. */
  reference: string
  /**
   * Digest of what runs: `sha256:…` of the image manifest (or of the image's id, where an engine tells no
   * more).
   */
  digest: string
  entrypoint: string[]
  command: string[]
  env: Record<string, string>
  workingDir: string
  user: string
  /** Folders that keep their content apart from the container's own. */
  volumes: string[]
  /** Ports that the image says it listens on. */
  ports: { port: number; protocol: 'tcp' | 'udp' }[]
  /** The image's own HEALTHCHECK. */
  health?: Health
  /** `SIG…`, where the image names one. */
  stopSignal?: string
}

/** How a pull is to go. */
export interface PullOptions {
  /** A layout folder (OCI image layout) with what the tenant has sent. */
  sent?: string | undefined
  credentials?: RegistryCredentials | undefined
  /** Told, often, how far it is. */
  progress?: ((progress: PullProgress) => void) | undefined
  /** Ends the pull, which then rejects; nothing of it stays. */
  signal?: AbortSignal | undefined
}

/** How far a pull is, in bytes of packed layers. */
export interface PullProgress {
  step: 'downloading' | 'unpacking'
  bytes: number
  total: number
}

/** Where a container sees `ContainerSpec.agentFolder`. */
export const AGENT_FOLDER = '/run/cloister'

/** A file that is put into a container before it starts. */
export interface ContainerFile {
  path: string
  /** Its bytes, or the file of this machine's that has them. */
  content: Buffer | { file: string }
  mode: number
  uid?: number | undefined
  gid?: number | undefined
  /** The container may write to it, at the expense of the lease's disk. */
  writable?: true | undefined
}

/**
 * What a fresh volume begins with, of this machine's: a tar archive whose digest was checked; or a folder in
 * which a volume was staged that was read somewhere else (`StagedBlocks`).
 */
export type VolumeContent = string | { staged: string }

/** One container of a lease, everything resolved. */
export interface ContainerSpec {
  lease: string
  /** Name within the lease: service and replica, `web-0`. */
  name: string
  /** Name by which the lease's other containers reach it. */
  service: string
  /** All services of the lease, for name resolution where the engine has none. */
  peers: string[]
  /** Every further name in the lease, and the service it means. A container finds the others by these too. */
  aliases?: Record<string, string>
  /** Names that stand for addresses outside the lease. */
  hosts?: Record<string, string>
  image: Image
  /** Changes whenever anything here changes but `Size`; an engine gives it back with the container. */
  revision: string
  argv: string[]
  env: Record<string, string>
  workingDir: string
  user: string
  /** Further groups of its processes, by name or number. */
  groups?: string[]
  hostname: string
  /**
   * A fresh volume begins with `from`: an archive, all of it the container's user's, or a staged volume,
   * whose owners stay what they were; or else with what the image has at its path, but for `noCopy`.
   */
  mounts: {
    volume: string
    path: string
    readOnly: boolean
    noCopy?: true | undefined
    from?: VolumeContent | undefined
  }[]
  /** Owned by root with mode 1777 where they don't say otherwise. */
  tmpfs: {
    path: string
    sizeMiB: number
    mode?: number | undefined
    uid?: number | undefined
    gid?: number | undefined
  }[]
  /** MiB of /dev/shm; 64 if not given. */
  shmMiB?: number
  /** Owned by root where they don't say otherwise; the mode holds whatever the worker's umask. */
  files: ContainerFile[]
  /**
   * A folder of this machine's that the container sees at /run/cloister, to read: the agent's socket lies
   * there.
   */
  agentFolder?: string
  cpuMilli: number
  memoryMiB: number
  maxProcesses: number
  gpus: number
  /** MiB of disk that the whole lease has; an engine that can keeps it to that by the kernel. */
  leaseDiskMiB?: number
  ulimits: Record<string, { soft: number; hard: number }>
  readOnlyRoot: boolean
  /** What root in the container may do; `DEFAULT_CAPABILITIES` of the core if not given. */
  capabilities?: readonly Capability[]
  /** Kernel settings of the container's own namespaces. */
  sysctls?: Record<string, string>
  /** Run a first process that reaps orphans and passes signals on; else the program itself is process 1. */
  init?: true
  /** Standard output is a terminal. */
  terminal?: true
  /** Standard input stays open, without anything to read. */
  openStdin?: true
  /** The lease's containers reach each other and nothing else; the same for all of a lease. */
  internet?: false
  /** Nothing that it prints is written down. Throws `start-failed` where an engine can't have that. */
  logs?: false
  stopSignal: string
}

/** How a container ended. */
export interface Exit {
  code: number
  /** Ended for want of memory, as far as the engine can tell. */
  outOfMemory: boolean
  /**
   * It is gone with the machine it ran on, of several that an engine has: whatever its restart policy, it is
   * to be started anew rather than again.
   */
  lost?: true
}

/** What a container may take that an engine can change while it runs. */
export type Size = Pick<ContainerSpec, 'cpuMilli' | 'memoryMiB'>

export interface ContainerStatus extends Size {
  name: string
  revision: string
  digest: string
  running: boolean
  exit: Exit | undefined
  /** Unix milliseconds. */
  startedAt: number
}

export interface LogLine {
  /** Unix milliseconds. */
  time: number
  stream: 'stdout' | 'stderr'
  /** One line without its end. A line of more than 16 Ki characters comes in several. */
  text: string
}

export interface LogOptions {
  /** Only that many last lines. */
  tail: number
  follow: boolean
  signal: AbortSignal
}

export interface ExecOptions {
  argv: string[]
  /** Give the command a terminal; output comes on stdout only. */
  terminal: { columns: number; rows: number } | undefined
}

/** A running command. `exit` resolves once; destroy `stdin` to hang up. */
export interface ExecSession {
  stdin: Writable
  stdout: Readable
  stderr: Readable
  exit: Promise<number>
  /** Resolves when it is done, or can't be. Never rejects. */
  resize(columns: number, rows: number): Promise<void>
  kill(): void
}

/** Datagrams on their way to and from one port. Any may be lost. */
export interface DatagramFlow {
  send(datagram: Buffer): void
  close(): void
}

export interface Usage {
  /** CPU seconds used since the container started. */
  cpuSeconds: number
  memoryBytes: number
  processes: number
}

/** Bytes since the networks began that they went over. */
export interface Traffic {
  received: number
  sent: number
}

/** What an engine says of a lease, for its tenant: one line, without control characters. */
export interface Notice {
  lease: string
  message: string
}

/** What an engine keeps apart, said plainly. */
export interface Isolation {
  engine: string
  enforced: string[]
  missing: string[]
}

export interface RegistryCredentials {
  host: string
  username: string
  password: string
}

/**
 * An engine that runs containers. Everything is addressed by lease and container name, every operation may
 * be repeated, and what an engine runs outlives the process that asked for it: after a restart `containers`
 * says what is there.
 */
export interface Executor {
  readonly isolation: Isolation
  /** Whether each container has a network address of its own, so that two may listen on the same port. */
  readonly separateNetworks: boolean
  /**
   * To be called once the worker is attested, before anything else: machines of its provider's speak to no
   * other. Undefined where an engine has just this one. Throws `no-engine`.
   */
  begin?(): Promise<void>
  /**
   * Has `told` hear from then on what the engine says of leases beside what its methods answer; to be called
   * before `begin`. Undefined for engines that say no more.
   */
  onNotice?(told: (notice: Notice) => void): void
  /**
   * Brings an image onto the worker. Throws `image-unavailable` with the reason, which `details.reason`
   * tells programs.
   */
  pull(reference: string, options?: PullOptions): Promise<Image>
  /** Leases the engine holds anything of. */
  leases(): Promise<string[]>
  /** Creates and starts; replaces a container of that name. Throws `start-failed`. */
  start(spec: ContainerSpec): Promise<void>
  /** Starts a container that has ended, as it is. */
  restart(lease: string, name: string): Promise<void>
  /** Asks to end, waits `graceMs`, then kills. The container stays, ended. */
  stop(lease: string, name: string, graceMs: number): Promise<void>
  /**
   * Gives a container another size, running or not; it goes on as it is, also when it is started again.
   * False where the engine can't: more is in use than it would have, or the engine changes nothing that
   * runs. Then it has the size it had.
   */
  resize(lease: string, name: string, size: Size): Promise<boolean>
  /**
   * Gives a lease so much disk, with everything that is on it. False where that takes containers that
   * don't run. A disk that holds more stays as it is, over its size.
   */
  resizeDisk(lease: string, diskMiB: number): Promise<boolean>
  /**
   * Removes a container, running or not; volumes stay. Where another of that name follows at once
   * (`isFollowed`), an engine that can has that one at the same address.
   */
  remove(lease: string, name: string, options?: { isFollowed: boolean }): Promise<void>
  /**
   * Removes a lease's volumes that were made for an archive (`volumeOfArchive`), aren't among `names` and are
   * mounted by no container. What a tenant wrote stays.
   */
  keepVolumes(lease: string, names: readonly string[]): Promise<void>
  /** Names of a lease's volumes that hold what was written, as manifests and mounts call them. */
  volumes(lease: string): Promise<string[]>
  /**
   * Reads a volume as frames (core, `FRAME`) while containers go on writing to it: each file is as it is when
   * it is read. What it takes is limited, whatever is in there. Throws `not-found` and `read-failed`.
   */
  readVolume(lease: string, volume: string, options: ReadVolumeOptions): Promise<void>
  containers(lease: string): Promise<ContainerStatus[]>
  /** Resolves when the container is not running (any more). */
  wait(lease: string, name: string, signal: AbortSignal): Promise<Exit>
  /**
   * What a container printed. Followed, it goes on with what comes, through restarts and through another
   * container of that name, until `options.signal` is aborted; no line is left out or told twice, however
   * slow the reader is (within the 20 MiB kept). Nothing where its specification says `logs: false`.
   */
  logs(lease: string, name: string, options: LogOptions): AsyncIterable<LogLine>
  exec(lease: string, name: string, options: ExecOptions): Promise<ExecSession>
  usage(lease: string, name: string): Promise<Usage>
  /**
   * What the lease's containers received and sent beyond themselves; in engines that give each a network of
   * its own, what they say to each other too. Undefined where nothing runs.
   */
  traffic(lease: string): Promise<Traffic | undefined>
  /** Bytes the lease's containers and volumes take on disk, images left aside. */
  diskUsage(lease: string): Promise<number>
  /** A TCP connection to a port of a container. */
  connect(lease: string, name: string, port: number): Promise<Duplex>
  /**
   * A flow of datagrams to a UDP port of a container; `receive` is told each that comes back. It stays until
   * it is closed.
   */
  datagrams(
    lease: string,
    name: string,
    port: number,
    receive: (datagram: Buffer) => void,
  ): Promise<DatagramFlow>
  /** Ends and removes all containers of a lease and every process that kept them; volumes stay. */
  halt(lease: string): Promise<void>
  /** Removes everything of a lease: containers, network, volumes. */
  destroy(lease: string): Promise<void>
  /** Whether something of that size fits on one machine; undefined where an engine has just one. */
  hasRoomFor?(size: Size): Promise<boolean>
  /**
   * Calls back whenever a machine answers that was away: it may hold what is left of leases that ended
   * meanwhile. Undefined where an engine has just one.
   */
  onReturn?(done: () => void): void
  /** Private networks of a lease's with others; undefined where the engine or the machine can't have any. */
  readonly privateNetworks: PrivateNetworks | undefined
  /** Lets go of connections; containers run on. */
  close(): Promise<void>
}
