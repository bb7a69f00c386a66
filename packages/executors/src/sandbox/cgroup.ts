import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const ROOT = '/sys/fs/cgroup'
const PERIOD_US = 100_000
/** cpuacct may be mounted with cpu, as one folder with two names, or apart from it. */
const V1_CONTROLLERS = ['cpu', 'cpuacct', 'memory', 'pids']

export interface Limits {
  cpuMilli: number
  memoryMiB: number
  maxProcesses: number
}

/** Where control groups can be made here: version 2, version 1, or not at all. */
export type CgroupVersion = 'v2' | 'v1' | 'none'

/** Tries which control groups this process may make. */
export async function findCgroups(): Promise<CgroupVersion> {
  const probe = `cloister-probe-${process.pid}`
  const works = async (parents: string[]) => {
    for (const parent of parents) {
      const folder = join(parent, probe)
      try {
        await mkdir(folder, { recursive: true })
        await rmdir(folder)
      } catch {
        return false
      }
    }
    return true
  }
  if (existsSync(join(ROOT, 'cgroup.controllers'))) {
    const enabled = await writeFile(join(ROOT, 'cgroup.subtree_control'), '+cpu +memory +pids').then(
      () => true,
      () => false,
    )
    return enabled && (await works([ROOT])) ? 'v2' : 'none'
  }
  return (await works(V1_CONTROLLERS.map((controller) => join(ROOT, controller)))) ? 'v1' : 'none'
}

/** Makes the groups of one container with its limits. Returns the files a process writes its id into to join. */
export async function makeCgroups(version: CgroupVersion, name: string, limits: Limits): Promise<string[]> {
  if (version === 'none') return []
  const quota = Math.max(1000, Math.round((limits.cpuMilli / 1000) * PERIOD_US))
  const bytes = limits.memoryMiB * 1024 * 1024
  const settings: [controller: string, file: string, value: string][] =
    version === 'v2'
      ? [
          ['', 'cpu.max', `${quota} ${PERIOD_US}`],
          ['', 'memory.max', `${bytes}`],
          ['', 'memory.swap.max', '0'],
          ['', 'pids.max', `${limits.maxProcesses}`],
        ]
      : [
          ['cpu', 'cpu.cfs_period_us', `${PERIOD_US}`],
          ['cpu', 'cpu.cfs_quota_us', `${quota}`],
          ['memory', 'memory.limit_in_bytes', `${bytes}`],
          ['memory', 'memory.memsw.limit_in_bytes', `${bytes}`],
          ['pids', 'pids.max', `${limits.maxProcesses}`],
        ]
  for (const folder of foldersOf(version, name)) await mkdir(folder, { recursive: true })
  for (const [controller, file, value] of settings)
    await writeFile(join(ROOT, controller, name, file), value).catch((error) => {
      // Swap accounting is off on many kernels; without swap limits the memory limit still holds.
      if (!/swap|memsw/.test(file)) throw error
    })
  return foldersOf(version, name).map((folder) => join(folder, 'cgroup.procs'))
}

/** What a container's groups have counted; undefined without groups. */
export async function readCgroups(
  version: CgroupVersion,
  name: string,
): Promise<{ cpuSeconds: number; memoryBytes: number; processes: number; outOfMemory: boolean } | undefined> {
  const read = (controller: string, file: string) => readFile(join(ROOT, controller, name, file), 'utf8').catch(() => '')
  if (version === 'v2') {
    const [cpu, memory, pids, events] = await Promise.all([
      read('', 'cpu.stat'),
      read('', 'memory.current'),
      read('', 'pids.current'),
      read('', 'memory.events'),
    ])
    return {
      cpuSeconds: Number(/usage_usec (\d+)/.exec(cpu)?.[1] ?? 0) / 1e6,
      memoryBytes: Number(memory),
      processes: Number(pids),
      outOfMemory: Number(/oom_kill (\d+)/.exec(events)?.[1] ?? 0) > 0,
    }
  }
  if (version === 'v1') {
    const [cpu, memory, pids, events] = await Promise.all([
      read('cpuacct', 'cpuacct.usage'),
      read('memory', 'memory.usage_in_bytes'),
      read('pids', 'pids.current'),
      read('memory', 'memory.oom_control'),
    ])
    return {
      cpuSeconds: Number(cpu) / 1e9,
      memoryBytes: Number(memory),
      processes: Number(pids),
      outOfMemory: Number(/oom_kill (\d+)/.exec(events)?.[1] ?? 0) > 0,
    }
  }
  return undefined
}

/** Kills whatever is left in a container's groups and removes them. */
export async function removeCgroups(version: CgroupVersion, name: string): Promise<void> {
  for (const folder of foldersOf(version, name)) {
    for (let attempt = 0; attempt < 50 && existsSync(folder); attempt++) {
      const members = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '')
      for (const pid of members.split('\n').filter(Boolean)) {
        try {
          process.kill(Number(pid), 'SIGKILL')
        } catch {
          // It has ended in between.
        }
      }
      if (
        await rmdir(folder).then(
          () => true,
          () => false,
        )
      )
        break
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

/** Names of the groups below a prefix, for cleaning up after a crash. */
export async function listCgroups(version: CgroupVersion, prefix: string): Promise<string[]> {
  if (version === 'none') return []
  const names = await readdir(join(ROOT, version === 'v1' ? 'memory' : '')).catch(() => [])
  return names.filter((name) => name.startsWith(prefix))
}

function foldersOf(version: CgroupVersion, name: string): string[] {
  if (version === 'v2') return [join(ROOT, name)]
  return version === 'v1' ? V1_CONTROLLERS.map((controller) => join(ROOT, controller, name)) : []
}
