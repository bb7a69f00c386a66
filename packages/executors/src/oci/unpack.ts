import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { unavailable, withinTime } from '@cloister/images'
import { packedProgram } from '@cloister/packed'
import { ApartFailure, runApart } from '../apart/run.ts'
import type { UnpackLimits } from './image-root.ts'

/** What the unpacking process is told: files of layers, lowest first, and a folder that isn't there yet. */
export interface UnpackOrder {
  folder: string
  layers: string[]
  limits: UnpackLimits
  /** Where large files are shared with other images; see `shareFiles`. */
  pool?: string | undefined
}

/** What an image may unpack to unless a worker says otherwise. */
export const UNPACK_LIMITS: UnpackLimits = { bytes: 64 * 1024 ** 3, entries: 1_000_000 }
/** How long one image may unpack: others wait for its place. */
const UNPACK_MS = 30 * 60_000
/** Unpacking that has used no CPU for so long hangs: it is ended, and begun once more. */
const STILL_MS = 30_000

interface UnpackOptions {
  progress: (bytes: number) => void
  signal?: AbortSignal
  /** Puts the command that unpacks where limits are. */
  charged?: (command: string[]) => string[]
  /** Milliseconds it may take, and how many of them without using any CPU. */
  timeoutMs?: number
  stillMs?: number
}

/**
 * Unpacks layers, whose digests were checked, into a new folder, in a process of its own. Throws
 * `image-unavailable` with the reason; the folder may then hold a part, and nobody writes to it any more.
 */
export async function unpackLayers(order: UnpackOrder, options: UnpackOptions): Promise<void> {
  const { signal, timeoutMs = UNPACK_MS, stillMs = STILL_MS, progress, charged } = options
  const program = packedProgram(join(import.meta.dirname, 'unpack-main.ts'))
  await withinTime(timeoutMs, unavailable('unpacking it takes too long'), signal, async (both) => {
    const unpack = () => runApart(program, order, { progress, charged, signal: both, stillMs })
    try {
      await unpack().catch(async (error) => {
        if (!isHung(error)) throw error
        await rm(order.folder, { recursive: true, force: true })
        await unpack()
      })
    } catch (error) {
      if (!(error instanceof ApartFailure)) throw error
      throw unavailable(
        error.said ?? (error.hung ? 'unpacking it hangs' : 'unpacking it takes too much memory'),
      )
    }
  })
}

function isHung(error: unknown): boolean {
  return error instanceof ApartFailure && error.hung
}
