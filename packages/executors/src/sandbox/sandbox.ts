import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, lstat, mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Duplex, PassThrough, Writable } from 'node:stream'
import { promisify } from 'node:util'
import { CloisterError } from '@cloister/core'
import { folderBytes } from '../disk.ts'
import {
  AGENT_FOLDER,
  type ContainerSpec,
  type ContainerStatus,
  type ExecOptions,
  type ExecSession,
  type Executor,
  type Exit,
  type Image,
  type Isolation,
  type LogLine,
  type LogOptions,
  type PullOptions,
  type Usage,
} from '../executor.ts'
import { startFailed } from '../failures.ts'
import { readLogFile } from '../logs/read-file.ts'
import type { ImageSettings } from '../oci/find.ts'
import { type CgroupVersion, findCgroups, listCgroups, removeCgroups } from './cgroup.ts'
import { ImageStore } from './image-store.ts'
import { JSON_LINES } from './log-file.ts'
import { encodeFrame, FRAME, frameReader, type KeeperExec, type KeeperStart, type KeeperState } from './protocol.ts'
import { seccompProgram } from './seccomp.ts'

const run = promisify(execFile)

export interface SandboxSettings {
  /** Folder of leases. Kept across restarts. */
  folder: string
  /** Folder of unpacked images; several workers may share one. */
  imageFolder: string
  images: ImageSettings
}

/** Runs containers without a daemon: OCI images unpacked, in Linux namespaces set up by bubblewrap. */
export class SandboxExecutor implements Executor {
  private readonly settings: SandboxSettings
  private readonly images: ImageStore
  private readonly cgroups: CgroupVersion
  private readonly connections = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
  private readonly starting = new Map<string, Promise<void>>()
  readonly isolation: Isolation
  readonly separateNetworks = false

  private constructor(settings: SandboxSettings, cgroups: CgroupVersion, privileged: boolean) {
    this.settings = settings
    this.images = new ImageStore(settings.imageFolder, settings.images)
    this.cgroups = cgroups
    const limits = ['cpu', 'memory', 'processes']
    this.isolation = {
      engine: 'sandbox (bubblewrap)',
      enforced: [...(cgroups === 'none' ? [] : limits), 'disk (by watching)', 'seccomp', 'no new privileges', 'capabilities', 'network per lease'],
      missing: [
        "the host's kernel is shared",
        'no way out to the internet',
        'the services of a lease share one network namespace',
        ...(cgroups === 'none' ? [`${limits.join(', ')} limits: no control groups can be made here`] : []),
        ...(privileged ? [] : ['a service runs as one user and can not change to another']),
      ],
    }
  }

  /** Looks at what the kernel allows. Throws `no-engine` where bubblewrap is missing or namespaces are forbidden. */
  static async open(settings: SandboxSettings): Promise<SandboxExecutor> {
    try {
      await run('bwrap', ['--unshare-net', '--unshare-pid', ...(process.getuid?.() === 0 ? [] : ['--unshare-user']), '--ro-bind', '/', '/', 'true'], {
        timeout: 10_000,
      })
    } catch (cause) {
      const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
      throw new CloisterError(
        'no-engine',
        missing ? 'The sandbox needs bubblewrap, which is not installed.' : 'The kernel lets this user make no namespaces, so the sandbox can not run.',
        {
          hint: missing ? 'Type: apt-get install bubblewrap' : 'Run as root, allow unprivileged user namespaces, or set `executor: docker`.',
          cause,
        },
      )
    }
    await mkdir(join(settings.folder, 'leases'), { recursive: true, mode: 0o711 })
    const privileged = process.getuid?.() === 0
    return new SandboxExecutor(settings, await findCgroups(), privileged)
  }

  pull(reference: string, options?: PullOptions): Promise<Image> {
    return this.images.pull(reference, options)
  }

  async leases(): Promise<string[]> {
    const keys = await readdir(join(this.settings.folder, 'leases')).catch(() => [])
    const names = await Promise.all(keys.map((key) => readFile(join(this.settings.folder, 'leases', key, 'lease'), 'utf8').catch(() => undefined)))
    return names.filter((name) => name !== undefined)
  }

  async start(spec: ContainerSpec): Promise<void> {
    await this.ensureKeeper(spec.lease)
    const folder = this.folderOf(spec.lease)
    const view = this.viewOf(spec.lease)
    const own = join(folder, 'containers', spec.name)
    const mounts: KeeperStart['mounts'] = []
    for (const { volume, path, readOnly } of spec.mounts) {
      const held = join(folder, 'volumes', volume)
      const fresh = !existsSync(held)
      if (fresh) await mkdir(held, { recursive: true })
      mounts.push({ from: join(view, 'volumes', volume), to: path, readOnly, kind: 'folder', fresh })
    }
    const hosts = ['127.0.0.1 localhost', '::1 localhost', ...new Set([spec.hostname, ...spec.peers, ...Object.keys(spec.aliases ?? {})])].map((line) =>
      line.includes(' ') ? line : `127.0.0.1 ${line}`,
    )
    const files = [{ path: '/etc/hosts', content: Buffer.from(`${hosts.join('\n')}\n`), mode: 0o644 }, ...spec.files]
    const fileFolder = join(folder, 'files', spec.name)
    await rm(fileFolder, { recursive: true, force: true })
    await mkdir(fileFolder, { recursive: true, mode: 0o711 })
    for (const [index, file] of files.entries()) {
      await writeFile(join(fileFolder, String(index)), file.content, { mode: file.mode })
      mounts.push({ from: join(view, 'files', spec.name, String(index)), to: file.path, readOnly: true, kind: 'file', fresh: false })
    }
    if (spec.agentFolder !== undefined) mounts.push({ from: spec.agentFolder, to: AGENT_FOLDER, readOnly: true, kind: 'folder', fresh: false })
    await mkdir(own, { recursive: true, mode: 0o711 })
    const start: KeeperStart = {
      revision: spec.revision,
      digest: spec.image.digest,
      argv: spec.argv,
      cell: {
        readOnlyRoot: spec.readOnlyRoot,
        env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...spec.env },
        workingDir: spec.workingDir,
        hostname: spec.hostname,
        uid: 0,
        gid: 0,
      },
      image: this.images.rootOf(spec.image.digest),
      mounts,
      tmpfs: spec.shmMiB === undefined ? spec.tmpfs : [...spec.tmpfs, { path: '/dev/shm', sizeMiB: spec.shmMiB }],
      user: spec.user,
      limits: { cpuMilli: spec.cpuMilli, memoryMiB: spec.memoryMiB, maxProcesses: spec.maxProcesses },
      cgroups: this.cgroups,
      cgroupName: `${this.cgroupPrefix(spec.lease)}${spec.name}`,
      ulimits: spec.ulimits,
      stopSignal: spec.stopSignal,
    }
    await this.ask(spec.lease, `start/${spec.name}`, start).catch((cause) => {
      throw startFailed(spec.name, cause)
    })
  }

  async restart(lease: string, name: string): Promise<void> {
    await this.ask(lease, `restart/${name}`, {}).catch((cause) => {
      throw startFailed(name, cause)
    })
  }

  async stop(lease: string, name: string, graceMs: number): Promise<void> {
    if (await this.isAlive(lease)) await this.ask(lease, `stop/${name}`, { graceMs })
  }

  async remove(lease: string, name: string): Promise<void> {
    if (await this.isAlive(lease)) await this.ask(lease, `remove/${name}`, {})
    await rm(join(this.folderOf(lease), 'containers', name), { recursive: true, force: true })
  }

  async containers(lease: string): Promise<ContainerStatus[]> {
    const states = (await this.isAlive(lease)) ? ((await this.ask(lease, 'states', {})) as Record<string, KeeperState>) : await this.lastStates(lease)
    return Object.entries(states).map(([name, { revision, digest, startedAt, exit }]) => ({
      name,
      revision,
      digest,
      startedAt,
      running: exit === null,
      exit: exit ?? undefined,
    }))
  }

  async wait(lease: string, name: string, signal: AbortSignal): Promise<Exit> {
    try {
      return ((await this.ask(lease, `wait/${name}`, {}, signal)) as Exit | null) ?? { code: 255, outOfMemory: false }
    } catch (error) {
      signal.throwIfAborted()
      // The keeper is gone, and its containers with it.
      if (!(await this.isAlive(lease))) return { code: 255, outOfMemory: false }
      throw error
    }
  }

  logs(lease: string, name: string, options: LogOptions): AsyncIterable<LogLine> {
    return readLogFile(join(this.folderOf(lease), 'containers', name, 'log'), options, JSON_LINES)
  }

  async exec(lease: string, name: string, options: ExecOptions): Promise<ExecSession> {
    const exec: KeeperExec = { argv: options.argv, terminal: options.terminal ?? null }
    const stream = await this.upgrade(lease, `exec/${name}/${Buffer.from(JSON.stringify(exec)).toString('base64url')}`)
    const stdout = new PassThrough()
    const stderr = new PassThrough()
    const exit = new Promise<number>((resolve) => {
      let code = 255
      stream.on(
        'data',
        frameReader((kind, payload) => {
          if (kind === FRAME.exit) code = payload.readInt32BE(0)
          else if (!(kind === FRAME.stderr ? stderr : stdout).write(payload)) {
            stream.pause()
            ;(kind === FRAME.stderr ? stderr : stdout).once('drain', () => stream.resume())
          }
        }),
      )
      stream.once('close', () => {
        stdout.end()
        stderr.end()
        resolve(code)
      })
    })
    const stdin = new Writable({
      write: (chunk: Buffer, _, done) => void stream.write(encodeFrame(FRAME.stdin, chunk), () => done()),
      final: (done) => void stream.write(encodeFrame(FRAME.endOfInput, Buffer.alloc(0)), () => done()),
    })
    return {
      stdin,
      stdout,
      stderr,
      exit,
      kill: () => stream.destroy(),
      resize: (columns, rows) => {
        const size = Buffer.alloc(4)
        size.writeUInt16BE(columns, 0)
        size.writeUInt16BE(rows, 2)
        stream.write(encodeFrame(FRAME.resize, size))
      },
    }
  }

  async usage(lease: string, name: string): Promise<Usage> {
    return ((await this.ask(lease, `usage/${name}`, {})) as Usage | null) ?? { cpuSeconds: 0, memoryBytes: 0, processes: 0 }
  }

  async diskUsage(lease: string): Promise<number> {
    const folder = this.folderOf(lease)
    const containers = await readdir(join(folder, 'containers')).catch(() => [])
    const parts = [join(folder, 'volumes'), ...containers.flatMap((name) => ['upper', 'log'].map((part) => join(folder, 'containers', name, part)))]
    const sizes = await Promise.all(parts.filter((part) => existsSync(part)).map(folderBytes))
    return sizes.reduce((sum, size) => sum + size, 0)
  }

  connect(lease: string, _name: string, port: number): Promise<Duplex> {
    return this.upgrade(lease, `connect/${port}`)
  }

  async halt(lease: string): Promise<void> {
    if (await this.isAlive(lease)) await this.ask(lease, 'quit', {}).catch(() => {})
    for (const part of ['containers', 'files']) await rm(join(this.folderOf(lease), part), { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  }

  async destroy(lease: string): Promise<void> {
    await this.halt(lease)
    for (const name of await listCgroups(this.cgroups, this.cgroupPrefix(lease))) await removeCgroups(this.cgroups, name)
    await rm(this.socketOf(lease), { force: true })
    await rmdir(this.viewOf(lease)).catch(() => {})
    await rm(this.folderOf(lease), { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  }

  async close(): Promise<void> {
    this.connections.destroy()
  }

  private async ensureKeeper(lease: string): Promise<void> {
    let starting = this.starting.get(lease)
    if (!starting) {
      starting = this.startKeeper(lease).finally(() => this.starting.delete(lease))
      this.starting.set(lease, starting)
    }
    await starting
  }

  private async startKeeper(lease: string): Promise<void> {
    if (await this.isAlive(lease)) return
    const folder = this.folderOf(lease)
    const socket = this.socketOf(lease)
    await mkdir(join(folder, 'containers'), { recursive: true, mode: 0o711 })
    await this.ensureDoor(dirname(socket))
    const view = this.viewOf(lease)
    await mkdir(view, { recursive: true, mode: 0o711 })
    await writeFile(join(folder, 'lease'), lease)
    await writeFile(join(folder, 'seccomp.bpf'), seccompProgram())
    const privileged = process.getuid?.() === 0
    // bubblewrap brings the loopback interface of the new network namespace up; a user without rights needs a user
    // namespace that may mount.
    const namespace = privileged
      ? ['--cap-add', 'ALL']
      : ['--unshare-user', '--cap-add', 'CAP_SYS_ADMIN', '--cap-add', 'CAP_SYS_PTRACE', '--cap-add', 'CAP_KILL']
    const child = spawn(
      'bwrap',
      [
        '--unshare-net',
        ...namespace,
        '--dev-bind',
        '/',
        '/',
        '--bind',
        folder,
        view,
        '--',
        process.execPath,
        '--disable-warning=ExperimentalWarning',
        join(import.meta.dirname, 'keeper.ts'),
        view,
        socket,
      ],
      { detached: true, stdio: 'ignore', env: { PATH: process.env['PATH'] } },
    )
    child.unref()
    let failure: Error | undefined
    child.once('error', (error) => {
      failure = error
    })
    for (let attempt = 0; attempt < 500; attempt++) {
      if (failure) break
      if (existsSync(socket) && (await this.isAlive(lease))) return
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    throw startFailed("the lease's keeper", failure ?? new Error('it does not answer'))
  }

  private async lastStates(lease: string): Promise<Record<string, KeeperState>> {
    const folder = join(this.folderOf(lease), 'containers')
    const states: Record<string, KeeperState> = {}
    for (const name of await readdir(folder).catch(() => [])) {
      const text = await readFile(join(folder, name, 'state.json'), 'utf8').catch(() => undefined)
      if (text === undefined) continue
      const state = JSON.parse(text) as KeeperState
      states[name] = { ...state, exit: state.exit ?? { code: 255, outOfMemory: false } }
    }
    return states
  }

  private isAlive(lease: string): Promise<boolean> {
    return existsSync(this.socketOf(lease))
      ? this.ask(lease, 'ping', {}).then(
          () => true,
          () => false,
        )
      : Promise.resolve(false)
  }

  private ask(lease: string, path: string, body: unknown, signal?: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const asking = request(
        { socketPath: this.socketOf(lease), path: `/${path}`, method: 'POST', agent: this.connections, ...(signal && { signal }) },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8')
            const answer: unknown = text === '' ? null : JSON.parse(text)
            if (response.statusCode === 200) resolve(answer)
            else reject(new CloisterError('engine-failed', `The sandbox says: ${(answer as { message?: string } | null)?.message ?? 'nothing'}.`))
          })
        },
      )
      asking.on('error', reject)
      asking.end(JSON.stringify(body))
    })
  }

  private upgrade(lease: string, path: string): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const asking = request({ socketPath: this.socketOf(lease), path: `/${path}`, headers: { connection: 'Upgrade', upgrade: 'tcp' } })
      asking.once('upgrade', (_, socket, head) => {
        if (head.length > 0) socket.unshift(head)
        resolve(socket)
      })
      asking.once('response', () => reject(new CloisterError('not-running', 'The container is not running.')))
      asking.once('error', reject)
      asking.end()
    })
  }

  private keyOf(lease: string): string {
    return createHash('sha256').update(`${this.settings.folder}\0${lease}`).digest('hex').slice(0, 24)
  }

  private folderOf(lease: string): string {
    return join(this.settings.folder, 'leases', this.keyOf(lease))
  }

  /** Socket paths are short of 108 bytes, which a folder may not be. */
  private socketOf(lease: string): string {
    return `${this.viewOf(lease)}.sock`
  }

  /**
   * Where the keeper, and only the keeper, sees the lease's folder: a path that any user of a container can walk, wherever
   * the folder itself is (below a home folder, say, that nobody else may enter).
   */
  private viewOf(lease: string): string {
    return join(tmpdir(), `cloister-${process.getuid?.() ?? 0}`, this.keyOf(lease))
  }

  /** The folder of sockets and views. Its name can be guessed, so it has to be ours. */
  private async ensureDoor(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o711 })
    const stat = await lstat(folder)
    if (!stat.isDirectory() || (process.getuid && stat.uid !== process.getuid()))
      throw startFailed("the lease's keeper", new Error(`${folder} belongs to somebody else`))
    await chmod(folder, 0o711)
  }

  private cgroupPrefix(lease: string): string {
    return `cloister-${this.keyOf(lease)}-`
  }
}
