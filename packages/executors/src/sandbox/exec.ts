import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname } from 'node:path'
import { PassThrough, type Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { ExecOptions, ExecSession } from '../executor.ts'
import { childrenOf, killPid, treeOf } from '../process.ts'
import { run, SEARCH_PATH } from './run.ts'

/** Codes of a shell that can't begin what it was told to (POSIX, "Exit Status for Commands"). */
const NOT_EXECUTABLE = 126
const NOT_FOUND = 127
/** How long what a command left running may hold its output without a line, once the command has ended. */
const HELD_MS = 2_000
/** How long a change of a terminal's size may take. */
const RESIZE_MS = 5_000

/** Runs the runtime that runs a command in a container, with a terminal of its own where one is wanted. */
export function execSession(
  { command, pidFile }: { command: string[]; pidFile: string },
  { terminal }: ExecOptions,
): ExecSession {
  const wrapped = terminal
    ? [
        'script',
        '-qefc',
        `stty cols ${terminal.columns} rows ${terminal.rows}; exec ${command.map(quote).join(' ')}`,
        '/dev/null',
      ]
    : command
  const [program = '', ...words] = wrapped
  const child = spawn(program, words, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: SEARCH_PATH, SHELL: '/bin/sh' },
  })
  child.stdin.on('error', () => {})
  const stdout = child.stdout.pipe(new PassThrough())
  const stderr = child.stderr.pipe(new PassThrough())
  child.once('exit', () => {
    void endOnceStill(child.stdout, stdout)
    void endOnceStill(child.stderr, stderr)
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    if (said.length < 4096) said += chunk
  })
  // The number of a process that has ended may be another one's by now.
  let isOver = false
  const exit = new Promise<number>((resolve) => {
    child.once('error', () => resolve(255))
    child.once('close', (code, signal) => {
      isOver = true
      const started = readPid(pidFile) !== undefined
      rmSync(dirname(pidFile), { recursive: true, force: true })
      if (started || code === 0) resolve(code ?? 128 + (signal ? constants.signals[signal] : 0))
      else resolve(/not found|no such file/i.test(said) ? NOT_FOUND : NOT_EXECUTABLE)
    })
  })
  return {
    stdin: inputOf(child),
    stdout,
    stderr,
    exit,
    kill: () => {
      if (isOver || child.pid === undefined) return
      const first = readPid(pidFile)
      // What it began goes with it; the runtime goes when it has.
      if (first !== undefined) for (const pid of treeOf(first)) killPid(pid, 9)
      for (const pid of treeOf(child.pid)) killPid(pid, 9)
    },
    resize: async (columns, rows) => {
      if (!terminal || isOver || child.pid === undefined) return
      // The terminal is that of what `script` began; the runtime hears of the change, and changes the one
      // inside.
      const [inner] = childrenOf(child.pid)
      if (inner === undefined) return
      const command = ['stty', '-F', `/proc/${inner}/fd/0`, 'cols', String(columns), 'rows', String(rows)]
      await run(command, { timeoutMs: RESIZE_MS }).catch(() => {})
    },
  }
}

/** Ends output that something still holds, once all that came was taken and nothing more comes. */
async function endOnceStill(from: Readable, to: PassThrough): Promise<void> {
  let last = performance.now()
  from.on('data', () => (last = performance.now()))
  while (!from.readableEnded && !from.destroyed) {
    if (to.writableNeedDrain) last = performance.now()
    if (performance.now() - last >= HELD_MS) {
      from.destroy()
      to.end()
    } else await delay(HELD_MS / 10)
  }
}

/** Input that ends when the caller ends it, and hangs up when the caller destroys it. */
function inputOf(child: ChildProcess): Writable {
  return new Writable({
    write: (chunk: Buffer, _, done) =>
      void (child.stdin?.destroyed ? done() : child.stdin?.write(chunk, () => done())),
    final: (done) => void (child.stdin?.destroyed ? done() : child.stdin?.end(() => done())),
    destroy: (error, done) => {
      child.stdin?.destroy()
      done(error)
    },
  })
}

function readPid(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'utf8')) || undefined
  } catch {
    return undefined
  }
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
