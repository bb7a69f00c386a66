import { readdirSync, readFileSync } from 'node:fs'

/** A process, told from a later one of the same number by the moment it began. */
export interface ProcessMark {
  pid: number
  /** Clock ticks since the machine's start (proc(5), `stat`, field 22), with the machine's start. */
  began: string
}

const BOOT = readOnce('/proc/sys/kernel/random/boot_id')

/** The mark of a process that runs; undefined where there is none. */
export function markOf(pid: number): ProcessMark | undefined {
  const fields = statOf(pid)
  return fields && fields[0] !== 'Z' ? { pid, began: `${BOOT}-${fields[19]}` } : undefined
}

/** Whether that very process runs. */
export function isAlive(mark: ProcessMark | undefined): boolean {
  return mark !== undefined && markOf(mark.pid)?.began === mark.began
}

/** Sends a signal to that very process, if it runs. */
export function signal(mark: ProcessMark | undefined, number: number): void {
  if (mark && isAlive(mark)) killPid(mark.pid, number)
}

/** Sends a signal to whatever has that number. */
export function killPid(pid: number, number: number): void {
  try {
    process.kill(pid, number)
  } catch {
    // It has ended already.
  }
}

/** Processes of this machine that have `word` as one of their arguments. */
export function processesNaming(word: string): number[] {
  const found: number[] = []
  for (const entry of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(entry)) continue
    try {
      if (readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0').includes(word)) found.push(Number(entry))
    } catch {
      // It has ended in between.
    }
  }
  return found
}

/** CPU, memory and number of a process and all below it, where no control group counts. */
export function usageOfTree(root: number): { cpuSeconds: number; memoryBytes: number; processes: number } {
  const total = { cpuSeconds: 0, memoryBytes: 0, processes: 0 }
  for (const pid of treeOf(root)) {
    const fields = statOf(pid)
    if (!fields) continue
    total.cpuSeconds += (Number(fields[11]) + Number(fields[12])) / 100
    total.memoryBytes += Number(fields[21]) * 4096
    total.processes++
  }
  return total
}

/** A process and everything that it or its children began, parents first. */
export function treeOf(root: number): number[] {
  const found = [root]
  for (const pid of found) found.push(...childrenOf(pid))
  return found
}

/** What a process of one thread has begun; nothing once it has ended. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number)
  } catch {
    return []
  }
}

/** The fields of /proc/PID/stat behind the name, which may have anything in it. */
function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

function readOnce(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}
