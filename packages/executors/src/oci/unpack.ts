import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { unavailable, withinTime } from '@cloister/images'
import { packedProgram } from '@cloister/packed'
import type { UnpackLimits } from './image-root.ts'

/** What the unpacking process is told: files of layers, lowest first, and a folder that isn't there yet. */
export interface UnpackOrder {
  folder: string
  layers: string[]
  limits: UnpackLimits
  /** Where large files are shared with other images; see `shareFiles`. */
  pool?: string | undefined
}

/** What it says: bytes of the layers that are read so far, or why it failed. */
export type UnpackWord = { bytes: number } | { failed: string }

/** What an image may unpack to unless a worker says otherwise. */
export const UNPACK_LIMITS: UnpackLimits = { bytes: 64 * 1024 ** 3, entries: 1_000_000 }
/** How long one image may unpack: others wait for its place. */
const UNPACK_MS = 30 * 60_000
const MEMORY_MIB = 512

interface UnpackOptions {
  progress: (bytes: number) => void
  signal?: AbortSignal
  /** Puts the command that unpacks where limits are. */
  charged?: (command: string[]) => string[]
  /** Milliseconds it may take. */
  timeoutMs?: number
}

/**
 * Unpacks layers, whose digests were checked, into a new folder, in a process of its own. Throws
 * `image-unavailable` with the reason; the folder may then hold a part, and nobody writes to it any more.
 */
export async function unpackLayers(order: UnpackOrder, options: UnpackOptions): Promise<void> {
  const { signal, timeoutMs = UNPACK_MS } = options
  await withinTime(timeoutMs, unavailable('unpacking it takes too long'), signal, (both) =>
    run(order, { ...options, signal: both }),
  )
}

async function run(
  order: UnpackOrder,
  { progress, signal, charged = (command) => command }: UnpackOptions,
): Promise<void> {
  const node = [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    `--max-old-space-size=${MEMORY_MIB}`,
  ]
  const [program = '', ...words] = charged([
    ...node,
    packedProgram(join(import.meta.dirname, 'unpack-main.ts')),
  ])
  const child = spawn(program, words, {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'] },
  })
  const stop = () => child.kill('SIGKILL')
  signal?.addEventListener('abort', stop, { once: true })
  const ended = new Promise<number | null>((resolve, reject) =>
    child.once('error', reject).once('close', resolve),
  )
  let failed: string | undefined
  createInterface(child.stdout).on('line', (line) => {
    const word = JSON.parse(line) as UnpackWord
    if ('failed' in word) failed = word.failed
    else progress(word.bytes)
  })
  child.stdin.on('error', () => {})
  child.stdin.write(`${JSON.stringify(order)}\n`)
  try {
    const code = await ended
    signal?.throwIfAborted()
    if (failed !== undefined) throw unavailable(failed)
    if (code !== 0) throw unavailable('unpacking it takes too much memory')
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}
