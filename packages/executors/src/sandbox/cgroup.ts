import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { killPid } from '../process.ts'

const PERIOD_US = 100_000
/**
 * What a container's sockets may hold on version 1, as a part of its memory, beside which it counts; and the
 * least.
 */
const SOCKETS_PART = 4
const SOCKETS_MIB = 8
/** cpuacct may be mounted with cpu, as one folder with two names, or apart from it. */
const V1_CONTROLLERS = ['cpu', 'cpuacct', 'memory', 'pids']
const MIB = 1024 * 1024

export interface Limits {
  cpuMilli: number
  memoryMiB: number
  maxProcesses: number
}

export interface Counters {
  cpuSeconds: number
  memoryBytes: number
  processes: number
  outOfMemory: boolean
}

/**
 * Where control groups can be made: in version 2's tree below `parent`, in each of version 1's trees, or not
 * at all.
 */
export interface Cgroups {
  version: 'v1' | 'v2' | 'none'
  /** Path of the group ours are made in, from the root of the tree on: `/`, or what was delegated to us. */
  parent: string
  /** Where the trees are mounted. */
  root: string
}

/** What a machine's control groups are found by; tests have others. */
interface Surroundings {
  root: string
  /** This process's own groups, as in /proc/self/cgroup. */
  own: string
  isRoot: boolean
}

/**
 * Finds out by trying. A user other than root has groups where version 2's tree is delegated (systemd:
 * `Delegate=yes`).
 */
export function findCgroups(around: Partial<Surroundings> = {}): Cgroups {
  const {
    root = '/sys/fs/cgroup',
    own: groups = read('/proc/self/cgroup'),
    isRoot = process.getuid?.() === 0,
  } = around
  const none: Cgroups = { version: 'none', parent: '/', root }
  if (!existsSync(join(root, 'cgroup.controllers'))) {
    // Version 1, alone or (hybrid) with a tree of version 2 that has no controllers.
    const works = V1_CONTROLLERS.every((controller) => canMakeIn(join(root, controller)))
    return works ? { ...none, version: 'v1' } : none
  }
  const own = /^0::(\/[^\n]*)$/m.exec(groups)?.[1] ?? '/'
  // Ours may be the leaf that we moved to before.
  for (const parent of isRoot ? ['/'] : [own.replace(/\/cloister-agent$/, '') || '/', own])
    if (canMakeIn(join(root, parent)) && delegates(join(root, parent)))
      return { ...none, version: 'v2', parent }
  return none
}

/**
 * Has a group of version 2 hand its controllers on, for which no process may be in it itself: we move to a
 * leaf.
 */
function delegates(folder: string): boolean {
  const enable = () => tryWrite(join(folder, 'cgroup.subtree_control'), '+cpu +memory +pids')
  if (enable()) return true
  const leaf = join(folder, 'cloister-agent')
  mkdirSync(leaf, { recursive: true })
  return tryWrite(join(leaf, 'cgroup.procs'), String(process.pid)) && enable()
}

function canMakeIn(folder: string): boolean {
  const probe = join(folder, `cloister-probe-${process.pid}`)
  try {
    mkdirSync(probe, { recursive: false })
    rmdirSync(probe)
    return true
  } catch {
    return false
  }
}

/**
 * The control groups of one lease: one around everything, limited to what its containers may take together
 * and a stated overhead, and in it one for each container and one, `keeper`, for what works for the lease.
 */
export class LeaseCgroup {
  private readonly cgroups: Cgroups
  readonly name: string

  constructor(cgroups: Cgroups, name: string) {
    this.cgroups = cgroups
    this.name = name
  }

  get isThere(): boolean {
    return this.cgroups.version !== 'none'
  }

  /** Path of a container's group as a runtime is told it. */
  pathOf(container: string): string {
    return join(this.cgroups.parent, this.name, container)
  }

  /** Makes the lease's group and its keeper's, or changes their limits. */
  limit({ cpuMilli, memoryMiB, maxProcesses }: Limits): void {
    if (!this.isThere) return
    const quota = String(quotaOf(cpuMilli))
    const bytes = String(memoryMiB * MIB)
    if (this.cgroups.version === 'v2') {
      const folder = join(this.cgroups.root, this.cgroups.parent, this.name)
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, 'cgroup.subtree_control'), '+cpu +memory +pids')
      writeFileSync(join(folder, 'cpu.max'), `${quota} ${PERIOD_US}`)
      writeFileSync(join(folder, 'memory.max'), bytes)
      tryWrite(join(folder, 'memory.swap.max'), '0')
      writeFileSync(join(folder, 'pids.max'), String(maxProcesses))
      mkdirSync(join(folder, 'keeper'), { recursive: true })
      return
    }
    for (const controller of V1_CONTROLLERS)
      mkdirSync(join(this.cgroups.root, controller, this.name, 'keeper'), { recursive: true })
    // Less than a container has is refused; one that is about to be replaced has what it had.
    tryWrite(join(this.cgroups.root, 'cpu', this.name, 'cpu.cfs_quota_us'), quota)
    writeFileSync(join(this.cgroups.root, 'pids', this.name, 'pids.max'), String(maxProcesses))
    const memory = join(this.cgroups.root, 'memory', this.name)
    // The limit with swap is never below the one without: whichever way it goes, one of the orders works.
    const swap = join(memory, 'memory.memsw.limit_in_bytes')
    const plain = join(memory, 'memory.limit_in_bytes')
    // One that is in use at this moment is left as it was; the containers' own limits hold in any case.
    if (!existsSync(swap)) tryWrite(plain, bytes)
    else if (!(tryWrite(swap, bytes) && tryWrite(plain, bytes)) && tryWrite(plain, bytes))
      tryWrite(swap, bytes)
    this.limitSockets('keeper', memoryMiB)
  }

  /**
   * Gives a container that is there another share. False where more is in use than it would have: nothing
   * is killed for it, and the share is what it was.
   */
  resize(container: string, { cpuMilli, memoryMiB }: Pick<Limits, 'cpuMilli' | 'memoryMiB'>): boolean {
    if (!this.isThere) return true
    const bytes = memoryMiB * MIB
    const cpu = (quota: string) =>
      this.cgroups.version === 'v2'
        ? tryWrite(join(this.folder('', container), 'cpu.max'), `${quota} ${PERIOD_US}`)
        : tryWrite(join(this.folder('cpu', container), 'cpu.cfs_quota_us'), quota)
    if (
      !(this.cgroups.version === 'v2'
        ? this.resizeMemory2(container, bytes)
        : this.resizeMemory1(container, bytes))
    )
      return false
    this.limitSockets(container, memoryMiB)
    return cpu(String(quotaOf(cpuMilli)))
  }

  /** Version 2 kills where it can't take memory back, so what is in use is looked at first. */
  private resizeMemory2(container: string, bytes: number): boolean {
    const folder = this.folder('', container)
    const of = (name: string) =>
      Number(new RegExp(`^${name} ([0-9]+)$`, 'm').exec(read(join(folder, 'memory.stat')))?.[1] ?? 0)
    // Of files' pages those that nobody shares memory by are given up.
    const kept = Number(read(join(folder, 'memory.current'))) - (of('file') - of('shmem'))
    return kept < bytes && tryWrite(join(folder, 'memory.max'), String(bytes))
  }

  /** Version 1 refuses where it can't take memory back. The limit with swap is never the lower one. */
  private resizeMemory1(container: string, bytes: number): boolean {
    const folder = this.folder('memory', container)
    const plain = join(folder, 'memory.limit_in_bytes')
    const swap = join(folder, 'memory.memsw.limit_in_bytes')
    if (!existsSync(swap)) return tryWrite(plain, String(bytes))
    const before = read(plain).trim()
    const isLarger = bytes > Number(before)
    const [first, second] = isLarger ? [swap, plain] : [plain, swap]
    if (!tryWrite(first, String(bytes))) return false
    if (tryWrite(second, String(bytes))) return true
    tryWrite(first, before)
    return false
  }

  /**
   * Limits what sockets hold in a container that is made and not started yet. Version 2 counts that as
   * memory; version 1 counts it only where it has a limit of its own, which says nothing of sockets that are
   * there already.
   */
  limitSockets(container: string, memoryMiB: number): void {
    if (this.cgroups.version !== 'v1') return
    const limit = Math.max(SOCKETS_MIB, Math.floor(memoryMiB / SOCKETS_PART)) * MIB
    tryWrite(join(this.folder('memory', container), 'memory.kmem.tcp.limit_in_bytes'), String(limit))
  }

  /** Files that a process writes its number into to be in the keeper's group. */
  get keeperFiles(): string[] {
    return this.isThere ? this.foldersOf('keeper').map((folder) => join(folder, 'cgroup.procs')) : []
  }

  /** Numbers of the processes in a container's group. */
  processes(container: string): number[] {
    if (!this.isThere) return []
    const folder = this.foldersOf(container).at(-1) ?? ''
    return read(join(folder, 'cgroup.procs')).split('\n').filter(Boolean).map(Number)
  }

  /** What a container's group has counted; undefined where there is none. */
  counters(container: string): Counters | undefined {
    const of = (controller: string, file: string) => read(join(this.folder(controller, container), file))
    if (this.cgroups.version === 'v2')
      return {
        cpuSeconds: Number(/usage_usec ([0-9]+)/.exec(of('', 'cpu.stat'))?.[1] ?? 0) / 1e6,
        memoryBytes: Number(of('', 'memory.current')),
        processes: Number(of('', 'pids.current')),
        outOfMemory: Number(/oom_kill ([0-9]+)/.exec(of('', 'memory.events'))?.[1] ?? 0) > 0,
      }
    if (this.cgroups.version === 'v1')
      return {
        cpuSeconds: Number(of('cpuacct', 'cpuacct.usage')) / 1e9,
        memoryBytes: Number(of('memory', 'memory.usage_in_bytes')),
        processes: Number(of('pids', 'pids.current')),
        outOfMemory: Number(/oom_kill ([0-9]+)/.exec(of('memory', 'memory.oom_control'))?.[1] ?? 0) > 0,
      }
    return undefined
  }

  /** Kills what is left in a container's group, and removes that from every tree. */
  async remove(container: string): Promise<void> {
    if (this.isThere) await removeGroup(this.everywhere(container))
  }

  /** Kills whatever works for the lease or in it, and removes all of its groups. */
  async destroy(): Promise<void> {
    if (!this.isThere) return
    const children = new Set(this.everywhere('').flatMap((folder) => childrenOf(folder)))
    for (const child of children) await removeGroup(this.everywhere(child))
    await removeGroup(this.everywhere(''))
  }

  private foldersOf(container: string): string[] {
    return (this.cgroups.version === 'v2' ? [''] : V1_CONTROLLERS).map((controller) =>
      this.folder(controller, container),
    )
  }

  private folder(controller: string, container: string): string {
    return join(this.cgroups.root, controller, this.cgroups.parent, this.name, container)
  }

  /**
   * The group's folders in all trees there are; a runtime makes them in those of version 1 that we don't
   * know, too.
   */
  private everywhere(container: string): string[] {
    const trees = this.cgroups.version === 'v2' ? [''] : childrenOf(this.cgroups.root)
    return trees.map((tree) => this.folder(tree, container)).filter((folder) => existsSync(folder))
  }
}

/** Limits of a container as a runtime is told them (OCI runtime specification, "Control groups"). */
export function resourcesOf(
  { cpuMilli, memoryMiB, maxProcesses }: Limits,
  { version, root }: Cgroups,
): Record<string, unknown> {
  if (version === 'none') return {}
  const limit = memoryMiB * MIB
  const swaps = version === 'v2' || existsSync(join(root, 'memory/memory.memsw.limit_in_bytes'))
  return {
    cpu: { quota: quotaOf(cpuMilli), period: PERIOD_US },
    memory: { limit, ...(swaps && { swap: limit }) },
    pids: { limit: maxProcesses },
  }
}

function quotaOf(cpuMilli: number): number {
  return Math.max(1000, Math.round((cpuMilli / 1000) * PERIOD_US))
}

async function removeGroup(folders: string[]): Promise<void> {
  for (let attempt = 0; attempt < 250; attempt++) {
    const left = folders.filter((folder) => {
      try {
        rmdirSync(folder)
        return false
      } catch {
        return existsSync(folder)
      }
    })
    if (left.length === 0) return
    for (const folder of left)
      for (const pid of read(join(folder, 'cgroup.procs')).split('\n').filter(Boolean))
        killPid(Number(pid), 9)
    await delay(Math.min(2 + attempt, 20))
  }
}

function childrenOf(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
  } catch {
    return []
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function tryWrite(path: string, text: string): boolean {
  try {
    writeFileSync(path, text)
    return true
  } catch {
    return false
  }
}
