import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { chown, lstat, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { promisify } from 'node:util'
import { bubblewrapArguments, type Cell, INFO_FD, SECCOMP_FD } from './bubblewrap.ts'
import { makeCgroups, readCgroups, removeCgroups } from './cgroup.ts'
import { LogWriter } from './log-file.ts'
import { encodeFrame, FRAME, frameReader, type KeeperExec, type KeeperStart, type KeeperState } from './protocol.ts'
import { makeMountPoint, resolveUser } from './rooted.ts'

const run = promisify(execFile)
const PRIVILEGED = isRealRoot()

/** One container inside its keeper: mounts its root, runs its process, counts, logs and remembers how it ended. */
export class KeptContainer {
  private readonly folder: string
  private options: KeeperStart | undefined
  private cell: Cell | undefined
  private child: ChildProcess | undefined
  private innerPid: number | undefined
  private procMounted = false
  private current: KeeperState = { revision: '', digest: '', startedAt: 0, exit: null }
  exited: Promise<NonNullable<KeeperState['exit']>> = new Promise(() => {})

  constructor(leaseFolder: string, name: string) {
    this.folder = join(leaseFolder, 'containers', name)
  }

  get state(): KeeperState {
    return this.current
  }

  get isRunning(): boolean {
    return this.child !== undefined && this.current.exit === null
  }

  async start(options: KeeperStart): Promise<void> {
    this.options = options
    await rm(join(this.folder, 'upper'), { recursive: true, force: true })
    const root = await this.mountRoot(options.image)
    const user = await resolveUser(root, options.user)
    const binds: Cell['binds'] = []
    for (const mount of options.mounts) {
      const to = await makeMountPoint(root, mount.to, mount.kind)
      if (mount.fresh) await seedVolume(join(root, to), mount.from, user)
      binds.push({ from: mount.from, to, readOnly: mount.readOnly })
    }
    const tmpfs = []
    for (const mount of options.tmpfs)
      tmpfs.push({ ...mount, path: mount.path.startsWith('/dev/') ? mount.path : await makeMountPoint(root, mount.path, 'folder') })
    for (const path of ['/proc', '/dev', options.cell.workingDir]) await makeMountPoint(root, path, 'folder')
    this.cell = { ...options.cell, ...user, root, binds, tmpfs }
    await this.launch()
  }

  async restart(): Promise<void> {
    if (!this.isRunning) await this.launch()
  }

  async stop(graceMs: number): Promise<void> {
    if (!this.isRunning) return
    const signal = constants.signals[this.options?.stopSignal as NodeJS.Signals] ?? constants.signals.SIGTERM
    // bubblewrap's own init has the container's first process as its child; the signal is for that one.
    for (const pid of childrenOf(this.innerPid)) kill(pid, signal)
    const timer = setTimeout(() => this.killAll(), graceMs)
    await this.exited
    clearTimeout(timer)
  }

  async remove(): Promise<void> {
    if (this.isRunning) {
      this.killAll()
      await this.exited
    }
    if (this.options) await removeCgroups(this.options.cgroups, this.options.cgroupName)
    if (this.procMounted) await run('umount', ['-l', join(this.folder, 'proc')]).catch(() => {})
    await run('umount', ['-l', join(this.folder, 'root')]).catch(() => {})
    await rm(this.folder, { recursive: true, force: true })
  }

  async usage() {
    const options = this.options
    return (options && (await readCgroups(options.cgroups, options.cgroupName))) ?? (await usageOfTree(this.child?.pid))
  }

  /** Runs a command beside the container's process: same files, processes, network, user, limits and filter. */
  async exec({ argv, terminal }: KeeperExec, stream: Duplex): Promise<void> {
    const { cell, options } = this
    if (!cell || !options || this.innerPid === undefined) return void stream.destroy()
    const proc = join(this.folder, 'proc')
    if (!this.procMounted) {
      await mkdir(proc, { recursive: true })
      await run('nsenter', ['--target', String(this.innerPid), '--pid', '--', 'mount', '-t', 'proc', '-o', 'nosuid,nodev,noexec', 'proc', proc])
      this.procMounted = true
    }
    const env = terminal ? { TERM: 'xterm-256color', ...cell.env } : cell.env
    const wrapped = [...asUser(cell), 'bwrap', ...bubblewrapArguments({ ...cell, env }, PRIVILEGED, { proc, terminal: terminal !== null }), '--', ...argv]
    // bubblewrap looks its own children up in /proc, so that has to show the namespace it runs in.
    const withProc = ['unshare', '--mount', '--', '/bin/sh', '-c', 'mount --bind "$0" /proc && exec "$@"', proc, ...wrapped]
    const joined = ['nsenter', '--target', String(this.innerPid), '--pid', '--ipc', '--uts', '--', ...withProc]
    const procs = await makeCgroups(options.cgroups, options.cgroupName, options.limits)
    const command = terminal
      ? ['script', '-qefc', `stty cols ${terminal.columns} rows ${terminal.rows}; exec ${joined.map(quote).join(' ')}`, '/dev/null']
      : joined
    const child = this.spawnLimited(command, procs, undefined)
    const send = (kind: number, payload: Buffer) => stream.writable && stream.write(encodeFrame(kind, payload))
    child.stdin?.on('error', () => {})
    const forward = (kind: number) => (chunk: Buffer) => {
      // Back-pressure: the command waits while the other side does not read.
      if (send(kind, chunk) === false) {
        child.stdout?.pause()
        child.stderr?.pause()
      }
    }
    stream.on('drain', () => {
      child.stdout?.resume()
      child.stderr?.resume()
    })
    child.stdout?.on('data', forward(FRAME.stdout))
    child.stderr?.on('data', forward(FRAME.stderr))
    stream.on(
      'data',
      frameReader((kind, payload) => {
        if (kind === FRAME.stdin) child.stdin?.write(payload)
        else if (kind === FRAME.endOfInput) child.stdin?.end()
        else if (kind === FRAME.resize && terminal) void resizeTerminal(child.pid, payload.readUInt16BE(0), payload.readUInt16BE(2))
      }),
    )
    stream.on('close', () => killTree(child.pid))
    child.on('close', (code, signal) => {
      const exit = Buffer.alloc(4)
      exit.writeInt32BE(code ?? 128 + (signal ? (constants.signals[signal] ?? 0) : 0))
      send(FRAME.exit, exit)
      stream.end()
    })
  }

  private async launch(): Promise<void> {
    const { options, cell } = this
    if (!options || !cell) throw new Error('nothing was started yet')
    // Counters and limits begin anew, and so does the record of running out of memory.
    await removeCgroups(options.cgroups, options.cgroupName)
    const procs = await makeCgroups(options.cgroups, options.cgroupName, options.limits)
    const infoPath = join(this.folder, 'info')
    writeFileSync(infoPath, '')
    const command = [...asUser(cell), 'bwrap', ...bubblewrapArguments(cell, PRIVILEGED), '--', ...options.argv]
    const child = this.spawnLimited(command, procs, infoPath)
    this.child = child
    this.procMounted = false
    this.current = { revision: options.revision, digest: options.digest, startedAt: Date.now(), exit: null }
    const log = new LogWriter(join(this.folder, 'log'))
    for (const name of ['stdout', 'stderr'] as const)
      child[name]?.on('data', (chunk: Buffer) => {
        const busy = log.write(name, chunk)
        if (!busy) return
        child[name]?.pause()
        void busy.then(() => child[name]?.resume())
      })
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        void (async () => {
          await log.end()
          const counted = await readCgroups(options.cgroups, options.cgroupName)
          const exit = { code: code ?? 128 + (signal ? (constants.signals[signal] ?? 0) : 0), outOfMemory: counted?.outOfMemory ?? false }
          this.current = { ...this.current, exit }
          await this.remember()
          resolve(exit)
        })()
      })
    })
    this.innerPid = await this.readInnerPid(infoPath)
    await this.remember()
  }

  /** A process that joins the container's control groups and takes its limits before it becomes `command`. */
  private spawnLimited(command: string[], procs: string[], infoPath: string | undefined): ChildProcess {
    const limits = Object.entries(this.options?.ulimits ?? {}).flatMap(([name, { soft, hard }]) => [`--${name}=${shown(soft)}:${shown(hard)}`])
    const script = `for f in ${procs.map(quote).join(' ')}; do echo $$ > "$f"; done; exec "$@"`
    const filter = openSync(join(this.folder, '..', '..', 'seccomp.bpf'), 'r')
    const info = infoPath === undefined ? undefined : openSync(infoPath, 'w')
    const stdio: ('pipe' | 'ignore' | number)[] = ['pipe', 'pipe', 'pipe', 'ignore', 'ignore', 'ignore', 'ignore', 'ignore', 'ignore', 'ignore']
    stdio[SECCOMP_FD] = filter
    if (info !== undefined) stdio[INFO_FD] = info
    const child = spawn('/bin/sh', ['-c', script, 'sh', ...(limits.length > 0 ? ['prlimit', ...limits] : []), ...command], {
      stdio,
      env: { PATH: process.env['PATH'] },
    })
    closeSync(filter)
    if (info !== undefined) closeSync(info)
    if (infoPath !== undefined) child.stdin?.end()
    return child
  }

  private async readInnerPid(path: string): Promise<number | undefined> {
    for (let attempt = 0; attempt < 200 && this.current.exit === null; attempt++) {
      const pid = /"child-pid":\s*(\d+)/.exec(readFileSync(path, 'utf8'))?.[1]
      if (pid) return Number(pid)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    return undefined
  }

  /** The image below, what the container writes above; a plain copy where the kernel has no overlay for us. */
  private async mountRoot(image: string): Promise<string> {
    const [upper, work, root] = ['upper', 'work', 'root'].map((part) => join(this.folder, part)) as [string, string, string]
    for (const part of [upper, work, root]) await mkdir(part, { recursive: true, mode: 0o711 })
    // The container's root folder takes the mode of the upper one.
    await run('chmod', ['755', upper])
    const options = `lowerdir=${image},upperdir=${upper},workdir=${work}`
    const mounted = await run('mount', ['-t', 'overlay', 'overlay', '-o', PRIVILEGED ? options : `${options},userxattr`, root]).then(
      () => true,
      () => false,
    )
    if (!mounted) await run('cp', ['-a', '--reflink=auto', `${image}/.`, root])
    return root
  }

  private async remember(): Promise<void> {
    const path = join(this.folder, 'state.json')
    await writeFile(`${path}.new`, JSON.stringify(this.current)).then(
      () => rename(`${path}.new`, path),
      () => {},
    )
  }

  private killAll(): void {
    kill(this.innerPid, 9)
    kill(this.child?.pid, 9)
  }
}

/** As root, a container of another user is begun as that user, so that ownership on disk stays what the image says. */
function asUser({ uid, gid }: Cell): string[] {
  return PRIVILEGED && uid !== 0 ? ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--'] : []
}

/** As Docker does: a new volume begins as what the image has there, owned as there. */
async function seedVolume(imagePath: string, volume: string, user: { uid: number; gid: number }): Promise<void> {
  const names = await readdir(imagePath).catch(() => [])
  if (names.length > 0) await run('cp', ['-a', `${imagePath}/.`, volume])
  const stat = await lstat(imagePath).catch(() => undefined)
  if (!PRIVILEGED) return
  const owned = names.length > 0 || (stat !== undefined && stat.uid !== 0)
  await chown(volume, owned && stat ? stat.uid : user.uid, owned && stat ? stat.gid : user.gid)
}

function isRealRoot(): boolean {
  // In a user namespace of our own, user 0 (or any) maps to somebody else outside.
  const map = readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/)
  return process.getuid?.() === 0 && map[0] === '0' && map[1] === '0' && Number(map[2]) > 65_536
}

function childrenOf(pid: number | undefined): number[] {
  if (pid === undefined) return []
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

function killTree(pid: number | undefined): void {
  for (const child of childrenOf(pid)) killTree(child)
  kill(pid, 9)
}

function kill(pid: number | undefined, signal: number): void {
  if (pid === undefined) return
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended already.
  }
}

async function usageOfTree(pid: number | undefined): Promise<{ cpuSeconds: number; memoryBytes: number; processes: number }> {
  const total = { cpuSeconds: 0, memoryBytes: 0, processes: 0 }
  const visit = (current: number) => {
    try {
      const fields = readFileSync(`/proc/${current}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ')
      total.cpuSeconds += (Number(fields[11]) + Number(fields[12])) / 100
      total.memoryBytes += Number(fields[21]) * 4096
      total.processes++
    } catch {
      return
    }
    for (const child of childrenOf(current)) visit(child)
  }
  if (pid !== undefined) visit(pid)
  return total
}

async function resizeTerminal(pid: number | undefined, columns: number, rows: number): Promise<void> {
  const [inner] = childrenOf(childrenOf(pid)[0] ?? pid)
  if (inner !== undefined) await run('stty', ['-F', `/proc/${inner}/fd/0`, 'cols', String(columns), 'rows', String(rows)]).catch(() => {})
}

function shown(limit: number): string {
  return limit < 0 ? 'unlimited' : String(limit)
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
