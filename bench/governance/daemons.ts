import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

/** Seconds that a tick of the kernel's is. */
const TICK = 1 / 100

/** A server in a process of its own. */
export interface Daemon {
  url: string
  /** Seconds of processor time that it has used. */
  cpu(): number
}

/** Servers that a benchmark started. */
export class Daemons {
  private readonly children: ChildProcess[] = []

  /** Starts a program of Node's; it says where it takes votes. */
  async start(words: readonly string[]): Promise<Daemon> {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...words], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.children.push(child)
    for await (const piece of child.stdout) {
      const url = /taking votes at (http:\S+?);/.exec(String(piece))?.[1]
      if (url !== undefined) return { url, cpu: () => cpuOf(child.pid ?? 0) }
    }
    throw new Error('a server did not start')
  }

  async stop(): Promise<void> {
    for (const child of this.children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  }
}

/** proc_pid_stat(5): fields 14 and 15, after the name in brackets. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * TICK
}
