import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CloisterError, messageOf } from '@cloister/core'
import { LEASE_OVERHEAD_MIB } from '../executor.ts'
import type { WayOutLimits } from '../network/limits.ts'
import { type LeaseNetwork, openWayOut, refreshHosts } from '../network/way-out.ts'
import { isAlive, markOf, type ProcessMark, processesNaming, signal } from '../process.ts'
import { type Cgroups, LeaseCgroup, type Limits } from './cgroup.ts'
import { KERNEL_PROGRAM } from './dialler.ts'
import { giveIds, takeIds } from './id-range.ts'
import { LeaseDisk, mountPoints } from './lease-disk.ts'
import { IS_ROOT, type LeasePlaces, placesOf } from './places.ts'
import { inGroups, run } from './run.ts'
import { ID_COUNT } from './user.ts'

/**
 * Processes that work for a lease (its monitors, a command that is being begun) beside its containers, at
 * the most.
 */
const OVERHEAD_PROCESSES = 128
/**
 * While a container is being started, which is ours to do and bounded, the lease isn't slowed down to its
 * own share.
 */
const STARTING_MILLI = 1_000

/**
 * The ground that a lease's containers stand on: its folder, its disk, its control groups, its user ids, and
 * a process of a few hundred kilobytes that does nothing but hold its user namespace and its network. All of
 * it is found again by whoever comes after us, and what a machine loses when it is started anew is made
 * anew.
 */
export class Lease {
  readonly id: string
  readonly places: LeasePlaces
  readonly disk: LeaseDisk
  readonly groups: LeaseCgroup
  private readonly sandboxFolder: string
  private turn: Promise<unknown> = Promise.resolve()

  constructor(sandboxFolder: string, id: string, cgroups: Cgroups) {
    this.id = id
    this.sandboxFolder = sandboxFolder
    this.places = placesOf(sandboxFolder, id)
    this.disk = new LeaseDisk(this.places.folder)
    this.groups = new LeaseCgroup(cgroups, `cloister-${this.places.key}`)
  }

  /** One thing after another: whatever changes a lease's containers waits for what was asked before. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.turn.then(work, work)
    this.turn = next.catch(() => {})
    return next
  }

  /**
   * Makes sure that everything is there, and limited to `limits` and the overhead. Gives the holder's mark.
   */
  async prepare(limits: Limits, diskMiB: number | undefined): Promise<ProcessMark> {
    const { folder, run: runFolder, roots } = this.places
    await mkdir(join(folder, 'containers'), { recursive: true, mode: 0o700 })
    await writeFile(join(folder, 'lease'), this.id)
    await mkdir(runFolder, { recursive: true, mode: 0o711 })
    // The lease's own root has to walk there, whatever our umask.
    await chmod(runFolder, 0o711)
    await mkdir(roots, { recursive: true, mode: 0o700 })
    if (IS_ROOT) {
      const first = await takeIds(folder)
      await chown(roots, first, first)
    }
    await this.writeRuntime()
    this.limit(limits, true)
    await this.disk.open(IS_ROOT ? diskMiB : undefined)
    return this.hold()
  }

  /** Sets what the lease may take in all; `starting` while one of its containers is begun. */
  limit({ cpuMilli, memoryMiB, maxProcesses }: Limits, starting: boolean): void {
    this.groups.limit({
      cpuMilli: cpuMilli + (starting ? STARTING_MILLI : 0),
      memoryMiB: memoryMiB + LEASE_OVERHEAD_MIB,
      maxProcesses: maxProcesses + OVERHEAD_PROCESSES,
    })
  }

  /**
   * The runtime as a monitor begins it. The pipes that a container prints to are made outside of its user
   * namespace; who owns them may open them again (`/dev/stdout`), and that is to be its root, and so its
   * user. What is no pipe stays whose it is. Limits of the container (`passedLimits`) are the runtime's,
   * too.
   */
  get runtimePath(): string {
    return join(this.places.run, 'runtime')
  }

  /** First user id of this machine's that the lease has, as root. */
  async firstId(): Promise<number> {
    return IS_ROOT ? takeIds(this.places.folder) : 0
  }

  /** The process that holds the namespaces; undefined where it doesn't run. */
  async holder(): Promise<ProcessMark | undefined> {
    const text = await readFile(join(this.places.run, 'holder.json'), 'utf8').catch(() => undefined)
    const mark = text === undefined ? undefined : (JSON.parse(text) as ProcessMark)
    return isAlive(mark) ? mark : undefined
  }

  /**
   * `command` as the root of the lease's containers sees files and users, where we aren't the machine's root
   * ourselves.
   */
  async asOwner(command: string[]): Promise<string[]> {
    const holder = IS_ROOT ? undefined : await this.holder()
    return holder
      ? [
          'nsenter',
          `--target=${holder.pid}`,
          '--user',
          '--mount',
          '--net',
          '--preserve-credentials',
          '--',
          ...command,
        ]
      : command
  }

  /** Gives a file of ours to a user and a group of the lease's containers. */
  async give(path: string, uid: number, gid: number): Promise<void> {
    // Beyond its own ids are another lease's.
    if ([uid, gid].some((id) => id < 0 || id >= ID_COUNT))
      throw new CloisterError(
        'start-failed',
        `A container has ids from 0 to ${ID_COUNT - 1}; ${uid}:${gid} is beyond.`,
      )
    if (IS_ROOT) {
      const first = await this.firstId()
      await chown(path, first + uid, first + gid)
    } else if (uid + gid > 0) await run(await this.asOwner(['chown', `${uid}:${gid}`, path]))
  }

  /**
   * `command` as the owner of the lease's files, in the lease's control group: what it takes is charged to
   * the lease.
   */
  async charged(command: string[]): Promise<string[]> {
    return this.inGroup(await this.asOwner(command))
  }

  /** `command` as ourselves, in the lease's control group: what it takes is charged to the lease. */
  inGroup(command: string[]): string[] {
    return inGroups(
      this.groups.keeperFiles.filter((path) => existsSync(path)),
      command,
    )
  }

  /** A path as the lease's mounts show it to us. */
  async view(path: string): Promise<string> {
    const holder = IS_ROOT ? undefined : await this.holder()
    return holder ? `/proc/${holder.pid}/root${path}` : path
  }

  /** Gives the lease's network a way out within `limits`, or takes it where there are none. */
  async leadOut(limits: WayOutLimits | undefined): Promise<void> {
    const path = join(this.places.run, 'way-out.json')
    const text = await readFile(path, 'utf8').catch(() => undefined)
    // One that ended at once left no mark.
    const found = text === undefined ? undefined : ((JSON.parse(text) as ProcessMark | null) ?? undefined)
    const network = await this.network()
    if (!network || (limits && isAlive(found))) return
    signal(found, 9)
    await rm(path, { force: true })
    if (!limits) return
    await writeFile(`${path}.new`, JSON.stringify(markOf(await openWayOut(network, limits)) ?? null))
    await rename(`${path}.new`, path)
  }

  /** Tells the filter of its way out which addresses this machine has now. */
  async refreshHosts(): Promise<void> {
    const network = await this.network()
    if (network && existsSync(join(this.places.run, 'way-out.json'))) await refreshHosts(network)
  }

  private async network(): Promise<LeaseNetwork | undefined> {
    const holder = await this.holder()
    return (
      holder && {
        holder: holder.pid,
        enterUser: !IS_ROOT,
        charged: (command) => inGroups(this.groups.keeperFiles, command),
      }
    )
  }

  /** Names of the containers there are records of. */
  async containerNames(): Promise<string[]> {
    return readdir(join(this.places.folder, 'containers')).catch(() => [])
  }

  /**
   * Ends everything that runs, and lets go of the mounts; files stay. Whatever was begun and never finished
   * ends, too.
   */
  async halt(): Promise<void> {
    const holder = await this.holder()
    for (const name of await this.containerNames())
      for (const pid of processesNaming(this.containerId(name))) signal(markOf(pid), 9)
    signal(holder, 9)
    await this.groups.destroy()
    for (const part of ['holder.json', 'way-out.json']) await rm(join(this.places.run, part), { force: true })
    for (const path of mountPoints())
      if (path.startsWith(`${this.places.run}/`)) await run(['umount', '-l', path]).catch(() => {})
    await this.disk.close()
  }

  /**
   * Removes everything. What can't be removed is put out of the way, to be tried again later; then it
   * throws.
   */
  async destroy(): Promise<void> {
    await this.halt()
    const { folder, run: runFolder } = this.places
    try {
      if (existsSync(folder)) await this.wipe()
    } catch (cause) {
      const aside = unwipedFolder(this.sandboxFolder)
      await mkdir(aside, { recursive: true, mode: 0o700 })
      await rename(folder, join(aside, `${this.places.key}-${Date.now()}`))
      throw new CloisterError(
        'engine-failed',
        `What a lease wrote could not be wiped: ${messageOf(cause)}. It is tried again.`,
        { cause },
      )
    } finally {
      await run(['rm', '-rf', '--one-file-system', '--', runFolder]).catch(() => {})
    }
  }

  private async wipe(): Promise<void> {
    // Files of other users than ours go by the rights of a user namespace that has those.
    if (!IS_ROOT) await mkdir(this.places.run, { recursive: true, mode: 0o711 })
    const holder = IS_ROOT ? undefined : await this.hold()
    try {
      await this.disk.destroy((command) => this.asOwner(command))
    } finally {
      signal(holder, 9)
      await rm(join(this.places.run, 'holder.json'), { force: true })
    }
    if (IS_ROOT) await giveIds(this.places.folder)
    await run(['rm', '-rf', '--one-file-system', '--', this.places.folder])
  }

  /** What a runtime and a monitor call a container. */
  containerId(name: string): string {
    return `cloister-${this.places.key}-${name}`
  }

  private async writeRuntime(): Promise<void> {
    const first = await this.firstId()
    const lines = [
      '#!/bin/sh',
      // Folders that the runtime makes for mounts are anybody's to enter, whatever our mask.
      'umask 022',
      'for fd in 0 1 2',
      'do',
      `  [ ! -p /proc/self/fd/$fd ] || chown ${first}:${first} /proc/self/fd/$fd`,
      'done',
      'exec $CLOISTER_LIMITS runc "$@"',
    ]
    const fresh = `${this.runtimePath}.${process.pid}`
    await writeFile(fresh, `${lines.join('\n')}\n`, { mode: 0o700 })
    await rename(fresh, this.runtimePath)
  }

  private async hold(): Promise<ProcessMark> {
    const found = await this.holder()
    if (found) return found
    const ids = IS_ROOT ? [String(await this.firstId()), String(ID_COUNT)] : []
    const pid = Number(await run(inGroups(this.groups.keeperFiles, ['perl', KERNEL_PROGRAM, 'hold', ...ids])))
    const mark = markOf(pid)
    if (!mark) throw new Error("what holds the lease's namespaces has ended")
    // The kernel looks for memory elsewhere first.
    if (IS_ROOT) await writeFile(`/proc/${pid}/oom_score_adj`, '-999').catch(() => {})
    const path = join(this.places.run, 'holder.json')
    await writeFile(`${path}.new`, JSON.stringify(mark))
    await rename(`${path}.new`, path)
    return mark
  }
}

/** Where what could not be wiped waits. */
function unwipedFolder(sandboxFolder: string): string {
  return join(sandboxFolder, 'unwiped')
}

/** Tries once more to remove what could not be wiped; nobody waits for it. */
export function wipeAgain(sandboxFolder: string): void {
  void run(['rm', '-rf', '--one-file-system', '--', unwipedFolder(sandboxFolder)], {
    timeoutMs: 600_000,
  }).catch(() => {})
}
