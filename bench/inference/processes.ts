import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** Ticks of the processor time that the kernel reports, in a second. */
const TICKS = 100
const PATIENCE_MS = 30_000

/** A process that listens at a port. */
export interface Running {
  pid: number
  stop(): void
}

/** Starts a program and waits until it listens. Throws where it ends before. */
export async function start(
  words: readonly string[],
  port: number,
  { env, isQuiet = false }: { env?: Record<string, string>; isQuiet?: boolean } = {},
): Promise<Running> {
  const all = ['--disable-warning=ExperimentalWarning', ...words]
  const child: ChildProcess = spawn(process.execPath, all, {
    stdio: ['ignore', 'ignore', isQuiet ? 'ignore' : 'inherit'],
    env: { ...process.env, ...env },
  })
  const until = performance.now() + PATIENCE_MS
  while (!(await listens(port))) {
    if (child.exitCode !== null || performance.now() > until) {
      child.kill()
      throw new Error(`${words.join(' ')} does not listen`)
    }
    await delay(50)
  }
  return { pid: child.pid ?? 0, stop: () => void child.kill('SIGKILL') }
}

function listens(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => done(true)).once('error', () => done(false))
    socket.once('connect', () => socket.destroy())
  })
}

/** Seconds of processor time that a process has had. */
export async function processorSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // After the name, which may have anything in it; user and system time are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

/** MiB of memory that a process has. */
export async function residentMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024
}

export function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
