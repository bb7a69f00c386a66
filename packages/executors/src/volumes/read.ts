import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { CloisterError } from '@cloister/core'
import { packedProgram } from '@cloister/packed'
import { ApartFailure, runApart } from '../apart/run.ts'
import { nameInManifest } from './names.ts'

/** What the reading process is told. */
export interface ReadOrder {
  /**
   * A folder, in which users from `firstId` on are the container's from 0 on; or a tar archive that we write
   * to it, with so many steps before each path.
   */
  from: { folder: string; firstId: number } | { strip: number }
  /** Digests of blocks that are not sent again, one after the other, in base64. */
  known: string
}

/** How a volume is read. */
export interface ReadVolumeOptions {
  /** Digests of blocks that are not to be sent, one after the other. */
  known: Uint8Array
  /** Given its frames (core, `FRAME`), from the beginning on. */
  output: (frames: Readable) => void
  signal?: AbortSignal | undefined
}

/**
 * Reads a volume as frames, in a process of its own that holds one block at a time. Throws `read-failed` with
 * the reason.
 */
export async function readVolumeApart(
  volume: string,
  from: ReadOrder['from'],
  { known, output, signal }: ReadVolumeOptions,
  options: { charged?: (command: string[]) => string[]; input?: (archive: Writable) => void } = {},
): Promise<void> {
  const program = packedProgram(join(import.meta.dirname, 'read-main.ts'))
  const order: ReadOrder = { from, known: Buffer.from(known).toString('base64') }
  await runApart(program, order, { ...options, output, signal }).catch((cause) => {
    if (!(cause instanceof ApartFailure)) throw cause
    throw new CloisterError(
      'read-failed',
      `The volume ${nameInManifest(volume)} can't be read: ${cause.message}.`,
      { cause },
    )
  })
}
