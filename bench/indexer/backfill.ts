import { readdirSync, readFileSync } from 'node:fs'

/** What an index took from the start of its process to the last event in the database. */
export interface Backfill {
  name: string
  seconds: number
  events: number
  /** Processor time of the process and, where there is one, of the database's server. */
  cpuSeconds: number
}

/** Ticks a second in /proc (proc(5), "clock ticks"): the same on every Linux that Node runs on. */
const TICKS = 100

interface Times {
  parent: number
  /** Its own and that of its children that have ended. */
  seconds: number
}

/** Processor time that a process and all below it have taken, in seconds. */
export function cpuSeconds(pid: number): number {
  const all = new Map<number, Times>()
  for (const name of readdirSync('/proc'))
    if (/^\d+$/.test(name)) {
      const times = timesOf(name)
      if (times) all.set(Number(name), times)
    }
  const isBelow = (at: number): boolean => at === pid || (at > 1 && isBelow(all.get(at)?.parent ?? 0))
  return [...all].reduce((sum, [at, { seconds }]) => (isBelow(at) ? sum + seconds : sum), 0)
}

function timesOf(pid: string): Times | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // proc(5): after the name in parentheses come state, parent (4), …, utime (14), stime, cutime, cstime.
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    return {
      parent: fields[1] ?? 0,
      seconds: fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0) / TICKS,
    }
  } catch {
    // It has ended.
    return undefined
  }
}
