import { existsSync, watch } from 'node:fs'
import { chmod, lstat, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CloisterError, timerMs } from '@cloister/core'
import type { ContainerSpec, Exit, Size, Usage } from '../executor.ts'
import { isAlive, markOf, type ProcessMark, processesNaming, signal, usageOfTree } from '../process.ts'
import { bundleConfig, processConfig } from './bundle.ts'
import type { Cgroups, Limits } from './cgroup.ts'
import { ContainerFiles } from './container-files.ts'
import { KERNEL_PROGRAM } from './dialler.ts'
import type { Lease } from './lease.ts'
import { createByMonitor, explain } from './monitor.ts'
import { IS_ROOT } from './places.ts'
import type { ContainerRecord } from './record.ts'
import { passedLimits } from './rlimits.ts'
import { inGroups, run, SEARCH_PATH } from './run.ts'
import { resolveUser } from './user.ts'
import { makeVolume } from './volumes.ts'

/** A monitor that is killed tells nobody; a look now and then finds out. */
const LOOK_MS = 2_000
/** Told of what ended and left no code. */
const LOST: Exit = { code: 255, outOfMemory: false }

/**
 * One container of a lease: a bundle that runc runs, and conmon, a monitor of about a megabyte that writes
 * down what it prints and how it ends. Both outlive us; everything there is to know lies on disk.
 */
export class Container {
  readonly name: string
  private readonly lease: Lease
  private readonly cgroups: Cgroups
  private readonly folder: string
  private readonly files: ContainerFiles

  constructor(lease: Lease, name: string, cgroups: Cgroups) {
    this.lease = lease
    this.name = name
    this.cgroups = cgroups
    this.folder = join(lease.places.folder, 'containers', name)
    this.files = new ContainerFiles(lease, name, this.folder)
  }

  get logPath(): string {
    return join(this.lease.disk.folder, 'logs', this.name, 'log')
  }

  /** Creates and starts it. The lease is prepared, and one of that name is cleared away. */
  async start(spec: ContainerSpec, image: string, holder: ProcessMark): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    const upper = join(this.lease.disk.folder, 'upper', this.name)
    await mkdir(upper, { mode: 0o755 })
    await mkdir(join(this.lease.disk.folder, 'work', this.name), { mode: 0o700 })
    await this.lease.give(upper, 0, 0)
    // The root folder's mode is that of the upper one, whatever our umask.
    await chmod(upper, 0o755)
    await this.mountRoot(image, holder)
    const root = await this.lease.view(this.root)
    const user = await resolveUser(root, spec.user, spec.groups)
    // A map of one line has nobody but root.
    const hasUsers = IS_ROOT || (await readFile(`/proc/${holder.pid}/uid_map`, 'utf8')).trim().includes('\n')
    if (user.uid + user.gid > 0 && !hasUsers)
      throw new CloisterError(
        'start-failed',
        `This worker can run ${this.name} as root only: it isn't root itself, and has no subordinate ids (subuid(5)).`,
      )
    const first = { root: this.root, seen: root, user, leaseDiskMiB: spec.leaseDiskMiB }
    for (const mount of spec.mounts) await makeVolume(this.lease, mount, first)
    await this.files.write(spec)
    const files = this.files.all(spec).map(({ path, mode, content, writable }) => ({
      path,
      mode,
      ...((writable || !Buffer.isBuffer(content)) && { isLarge: true as const }),
      ...(writable && { writable }),
    }))
    await this.launch({ spec: { ...spec, files }, image, user, startedAt: Date.now() }, holder)
  }

  /** Starts it once more, as it is. */
  async restart(holder: ProcessMark): Promise<void> {
    const record = await this.record()
    if (!record) throw new Error('there is no such container')
    if (await this.isRunning()) return
    await this.endProcesses()
    await this.mountRoot(record.image, holder)
    const { exit: _, monitor: __, first: ___, ...before } = record
    await this.launch({ ...before, startedAt: Date.now() }, holder)
  }

  /** Gives it another size: now, and whenever it is started again. False where its share can't change. */
  async resize(size: Size): Promise<boolean> {
    const record = await this.record()
    if (!record) return false
    if (record.exit === undefined && !this.lease.groups.resize(this.name, size)) return false
    await this.remember({ ...record, spec: { ...record.spec, ...size } })
    return true
  }

  async stop(graceMs: number): Promise<void> {
    const record = await this.record()
    if (!record || !(await this.isRunning())) return
    signal(record.first, signalNumber(record.spec.stopSignal))
    const patience = AbortSignal.timeout(timerMs(graceMs))
    await this.wait(patience).catch(() => {})
    if (!(await this.isRunning())) return
    signal(record.first, 9)
    await this.wait(AbortSignal.timeout(10_000)).catch(() => this.endProcesses())
  }

  /** Removes it, running or not, with what it changed and printed. */
  async remove(): Promise<void> {
    await this.clear()
    await this.clearLog()
  }

  /**
   * What is remembered of it, with how it ended where it has; undefined where it was never started wholly.
   */
  async record(): Promise<ContainerRecord | undefined> {
    const text = await readFile(join(this.folder, 'record.json'), 'utf8').catch(() => undefined)
    const record = text === undefined ? undefined : (JSON.parse(text) as ContainerRecord)
    if (!record?.first || record.exit) return record?.first && record
    const exit = await this.findExit(record)
    if (!exit) return record
    const ended = { ...record, exit }
    await this.remember(ended)
    return ended
  }

  async isRunning(): Promise<boolean> {
    const record = await this.record()
    return record !== undefined && record.exit === undefined
  }

  /** Resolves when it doesn't run. */
  async wait(abort: AbortSignal): Promise<Exit> {
    for (;;) {
      abort.throwIfAborted()
      const changed = nextChange(this.exitFolder, abort)
      const record = await this.record()
      if (!record) return LOST
      if (record.exit) return record.exit
      await changed
    }
  }

  async usage(): Promise<Usage> {
    const record = await this.record()
    const none = { cpuSeconds: 0, memoryBytes: 0, processes: 0 }
    if (!record) return none
    const counted = this.lease.groups.counters(this.name)
    if (counted)
      return {
        cpuSeconds: counted.cpuSeconds,
        memoryBytes: counted.memoryBytes,
        processes: counted.processes,
      }
    return record.first && !record.exit ? usageOfTree(record.first.pid) : none
  }

  get limits(): Promise<Limits | undefined> {
    return readFile(join(this.folder, 'record.json'), 'utf8').then(
      (text) => (JSON.parse(text) as ContainerRecord).spec,
      () => undefined,
    )
  }

  /** The command that runs another one in it, and the file that its first process's number is written to. */
  async execCommand(
    argv: string[],
    terminal: { columns: number; rows: number } | undefined,
  ): Promise<{ command: string[]; pidFile: string }> {
    const record = await this.record()
    if (!record || record.exit) throw new Error('it does not run')
    const folder = join(
      this.folder,
      'execs',
      `${process.pid}-${Date.now()}-${Math.random().toString(36).slice(2)}`,
    )
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const description = join(folder, 'process.json')
    await writeFile(
      description,
      JSON.stringify(processConfig(record.spec as ContainerSpec, record.user, argv, terminal)),
      { mode: 0o600 },
    )
    const pidFile = join(folder, 'pid')
    const words = [
      ...passedLimits(record.spec.ulimits),
      ...this.runtime,
      'exec',
      '--process',
      description,
      '--pid-file',
      pidFile,
      this.id,
    ]
    return { command: inGroups(this.lease.groups.keeperFiles, await this.lease.asOwner(words)), pidFile }
  }

  private get id(): string {
    return this.lease.containerId(this.name)
  }

  private get root(): string {
    return join(this.lease.places.roots, this.name)
  }

  /** Where the monitor writes down how the container ended. */
  private get exitFolder(): string {
    return join(this.folder, 'ended')
  }

  private get runtimeFolder(): string {
    return join(this.lease.places.run, 'runc')
  }

  private get runtimeOptions(): string[] {
    // In a user namespace of ours it is told that it may find no control groups.
    return [
      '--root',
      this.runtimeFolder,
      '--log',
      join(this.folder, 'runtime.log'),
      ...(IS_ROOT ? [] : ['--rootless', 'true']),
    ]
  }

  private get runtime(): string[] {
    return ['runc', ...this.runtimeOptions]
  }

  private async launch(record: ContainerRecord, holder: ProcessMark): Promise<void> {
    await this.remember(record)
    for (const part of ['ended', 'execs']) await rm(join(this.folder, part), { recursive: true, force: true })
    for (const part of ['pid', 'conmon.pid', 'runtime.log', 'exit', 'oom'])
      await rm(join(this.folder, part), { force: true })
    await mkdir(this.exitFolder, { mode: 0o700 })
    if (record.spec.logs === false) await this.clearLog()
    else await mkdir(join(this.logPath, '..'), { recursive: true, mode: 0o700 })
    const firstId = await this.lease.firstId()
    const config = bundleConfig(record.spec as ContainerSpec, {
      root: this.root,
      mounts: this.files.mountsOf(record.spec),
      user: record.user,
      holder: holder.pid,
      firstId: IS_ROOT ? firstId : undefined,
      init: programAt('tini-static'),
      cgroups: this.cgroups,
      cgroupPath: this.lease.groups.pathOf(this.name),
    })
    await writeFile(join(this.folder, 'config.json'), JSON.stringify(config), { mode: 0o600 })
    const pid = await createByMonitor({
      lease: this.lease,
      id: this.id,
      folder: this.folder,
      exitFolder: this.exitFolder,
      logPath: this.logPath,
      runtimeOptions: this.runtimeOptions,
      spec: record.spec,
    })
    const monitor = markOf(Number(await readFile(join(this.folder, 'conmon.pid'), 'utf8')))
    const first = markOf(pid)
    if (!monitor || !first) throw new Error(await explain(this.folder, 'it ended before it was started'))
    this.lease.groups.limitSockets(this.name, record.spec.memoryMiB)
    await run(await this.lease.asOwner([...this.runtime, 'start', this.id])).catch(async (error) => {
      throw new Error(await explain(this.folder, String(error)))
    })
    await this.remember({ ...record, monitor, first, holder, startedAt: Date.now() })
  }

  private async clearLog(): Promise<void> {
    const folder = join(this.logPath, '..')
    await run(await this.lease.charged(['rm', '-rf', '--one-file-system', '--', folder]))
  }

  /** How it ended; undefined while it runs. */
  private async findExit(record: ContainerRecord): Promise<Exit | undefined> {
    const read = () => readFile(join(this.exitFolder, this.id), 'utf8').catch(() => undefined)
    let code = await read()
    if (code === undefined) {
      if (isAlive(record.monitor) && isAlive(record.holder)) return undefined
      // The monitor may have written it as its last deed.
      code = await read()
    }
    const outOfMemory =
      this.lease.groups.counters(this.name)?.outOfMemory ?? existsSync(join(this.folder, 'oom'))
    if (code !== undefined) return { code: Number(code.trim()), outOfMemory }
    // Nobody watches it any more, or its network has no keeper: it ends, and may be started again.
    await this.endProcesses()
    return { ...LOST, outOfMemory }
  }

  private async remember(record: ContainerRecord): Promise<void> {
    const path = join(this.folder, 'record.json')
    const fresh = `${path}.${Math.random().toString(36).slice(2)}`
    try {
      await writeFile(fresh, JSON.stringify(record), { mode: 0o600 })
      await rename(fresh, path)
    } catch (error) {
      // It is being removed by somebody at this moment.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }

  /** Ends whatever was begun for it, at whatever stage, and makes the runtime forget it. */
  private async endProcesses(): Promise<void> {
    for (let round = 0; round < 100; round++) {
      const left = new Set([...processesNaming(this.id), ...this.lease.groups.processes(this.name)])
      const text = await readFile(join(this.folder, 'pid'), 'utf8').catch(() => '')
      const record = JSON.parse(
        await readFile(join(this.folder, 'record.json'), 'utf8').catch(() => '{}'),
      ) as Partial<ContainerRecord>
      if (record.first && isAlive(record.first) && record.first.pid === Number(text))
        left.add(record.first.pid)
      if (left.size === 0) break
      for (const pid of left) signal(markOf(pid), 9)
      await delay(5)
    }
    await this.lease.groups.remove(this.name)
    await rm(join(this.runtimeFolder, this.id), { recursive: true, force: true })
  }

  /** Everything of it goes but what it printed. */
  async clear(): Promise<void> {
    // Nothing is begun before the folder is there, and it goes after everything else.
    if (existsSync(this.folder)) await this.endProcesses()
    await this.unmountRoot()
    const { folder } = this.lease.disk
    const parts = [
      join(folder, 'upper', this.name),
      join(folder, 'work', this.name),
      this.files.large,
      this.root,
      this.folder,
    ].filter((path) => existsSync(path))
    if (parts.length > 0)
      await run(await this.lease.charged(['rm', '-rf', '--one-file-system', '--', ...parts]), {
        timeoutMs: 600_000,
      })
  }

  private async isRootMounted(): Promise<boolean> {
    const stat = (path: string) => lstat(path).catch(() => undefined)
    const [root, above] = [
      await stat(await this.lease.view(this.root)),
      await stat(await this.lease.view(join(this.root, '..'))),
    ]
    return root !== undefined && root.dev !== above?.dev
  }

  private async mountRoot(image: string, holder: ProcessMark): Promise<void> {
    if (await this.isRootMounted()) return
    await mkdir(this.root, { recursive: true, mode: 0o755 })
    const { folder } = this.lease.disk
    const [upper, work] = [join(folder, 'upper', this.name), join(folder, 'work', this.name)]
    const words = [IS_ROOT ? String(holder.pid) : '0', this.folder, image, upper, work, this.root]
    await run(await this.lease.asOwner(['perl', KERNEL_PROGRAM, 'overlay', ...words]))
  }

  private async unmountRoot(): Promise<void> {
    if (await this.isRootMounted()) await run(await this.lease.asOwner(['umount', '-l', this.root]))
  }

  /** Puts lines into its /etc/hosts, in place of those that were put there before. */
  setHosts(lines: readonly string[]): Promise<void> {
    return this.files.setHosts(lines)
  }
}

/** The whole path of a program; conmon wants that of the runtime. */
function programAt(name: string): string | undefined {
  return SEARCH_PATH.split(':')
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path))
}

function signalNumber(name: string): number {
  const realTime = /^SIGRTMIN(?:\+([0-9]{1,2}))?$/.exec(name)
  if (realTime) return 34 + Number(realTime[1] ?? 0)
  return constants.signals[name as NodeJS.Signals] ?? constants.signals.SIGTERM
}

/** Resolves when something appears in a folder, and after a while in any case. */
function nextChange(folder: string, abort: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let watcher: ReturnType<typeof watch> | undefined
    const done = () => {
      watcher?.close()
      clearTimeout(timer)
      abort.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, LOOK_MS)
    abort.addEventListener('abort', done, { once: true })
    try {
      watcher = watch(folder).once('change', done).once('error', done)
    } catch {
      // Not there, or no more watches to be had: looking must do.
    }
    if (abort.aborted) done()
  })
}
