import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { usageOfTree } from '../process.ts'

/** What a program that runs apart says: how far it is, in bytes that it has read, or why it failed. */
export type ApartWord = { bytes: number } | { failed: string }

/** MiB of heap; whoever has more to keep in mind is ended. */
const MEMORY_MIB = 512
/** The program writes what it makes there, where it makes anything for us to read. */
export const OUTPUT_FD = 3
/** It reads there what we have for it besides its order, where there is any. */
export const INPUT_FD = 4

/** How a program runs apart. */
export interface ApartOptions {
  progress?: ((bytes: number) => void) | undefined
  /** Ends it. */
  signal?: AbortSignal | undefined
  /** Ends it once it has used no CPU for so many milliseconds: it hangs. */
  stillMs?: number | undefined
  /** Puts its command where limits are. */
  charged?: ((command: string[]) => string[]) | undefined
  /** Given what it writes, from the beginning on. */
  output?: ((bytes: Readable) => void) | undefined
  /** Given where what it reads is written to. */
  input?: ((bytes: Writable) => void) | undefined
}

/** A program that ran apart and failed, with what it says of that; undefined where it was ended or killed. */
export class ApartFailure extends Error {
  readonly said: string | undefined
  /** It was ended because it hung. */
  readonly hung: boolean

  constructor(said: string | undefined, hung = false) {
    super(said ?? (hung ? 'it hangs' : 'it takes too much memory'))
    this.said = said
    this.hung = hung
  }
}

/**
 * Runs a program of ours in a process of its own, with an order as JSON, so that what strangers wrote costs
 * this process neither time nor memory. It ends with us. Throws an `ApartFailure`.
 */
export async function runApart(
  program: string,
  order: unknown,
  { progress = () => {}, signal, stillMs, charged = (command) => command, output, input }: ApartOptions = {},
): Promise<void> {
  signal?.throwIfAborted()
  const [file = '', ...words] = charged([
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    `--max-old-space-size=${MEMORY_MIB}`,
    program,
  ])
  const child = spawn(file, words, {
    stdio: ['pipe', 'pipe', 'ignore', output ? 'pipe' : 'ignore', input ? 'pipe' : 'ignore'],
    env: { PATH: process.env['PATH'] },
  })
  const stop = () => child.kill('SIGKILL')
  signal?.addEventListener('abort', stop, { once: true })
  let hung = false
  const onStill = () => {
    hung = true
    stop()
    // Somebody else may hold the other ends.
    for (const stream of child.stdio) stream?.destroy()
  }
  const watching = stillMs === undefined ? undefined : watchStill(child.pid ?? 0, stillMs, onStill)
  const ended = new Promise<number | null>((resolve, reject) =>
    child.once('error', reject).once('close', resolve),
  )
  let failed: string | undefined
  createInterface({ input: child.stdout as Readable }).on('line', (line) => {
    const word = JSON.parse(line) as ApartWord
    if ('failed' in word) failed = word.failed
    else progress(word.bytes)
  })
  child.stdin?.on('error', () => {})
  child.stdin?.write(`${JSON.stringify(order)}\n`)
  output?.(child.stdio[OUTPUT_FD] as Readable)
  if (input) {
    const given = child.stdio[INPUT_FD] as Writable
    given.on('error', () => {})
    input(given)
  }
  try {
    const code = await ended
    signal?.throwIfAborted()
    if (failed !== undefined || code !== 0) throw new ApartFailure(failed, hung)
  } finally {
    clearInterval(watching)
    signal?.removeEventListener('abort', stop)
  }
}

/** Calls `still` whenever a process and all below it have used no CPU since the last look, `ms` apart. */
function watchStill(pid: number, ms: number, still: () => void): NodeJS.Timeout {
  let before = -1
  return setInterval(() => {
    const { cpuSeconds } = usageOfTree(pid)
    if (cpuSeconds === before) still()
    before = cpuSeconds
  }, ms)
}
