import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { CloisterError } from '@cloister/core'
import { withinTime } from '@cloister/images'
import { packedProgram } from '@cloister/packed'
import { ApartFailure, runApart } from '../apart/run.ts'
import type { VolumeContent } from '../executor.ts'
import type { UnpackLimits } from '../oci/image-root.ts'
import { UNPACK_LIMITS } from '../oci/unpack.ts'
import { nameInManifest } from './names.ts'
import type { Owner } from './volume-archive.ts'
import type { IdMap } from './volume-folder.ts'

const MIB = 1024 * 1024
/** A lease's disk has room for one file in so many bytes, however small files are. */
const BYTES_OF_FILE = 8_192
/** How long one volume may take to fill. */
const FILL_MS = 30 * 60_000

/** What the filling process is told. */
export interface FillOrder {
  from: VolumeContent
  limits: UnpackLimits
  /**
   * An empty folder, whose owner everything there has (or we, without one) that has none of its own; or a tar
   * archive that it writes to us, in which every path begins with `prefix`.
   */
  into: { folder: string; owner: Owner | undefined; ids?: IdMap } | { prefix: string; owner: Owner }
}

/** What a volume may begin with in a lease with so much disk, of which `usedBytes` are taken. */
export function volumeLimits(diskMiB: number | undefined, usedBytes: number): UnpackLimits {
  if (diskMiB === undefined) return UNPACK_LIMITS
  return {
    bytes: Math.max(0, diskMiB * MIB - usedBytes),
    entries: Math.floor((diskMiB * MIB) / BYTES_OF_FILE),
  }
}

/**
 * Fills a volume with what its tenant sent, in a process of its own. Throws `start-failed` with the reason;
 * there may then be a part of it.
 */
export async function fillVolume(
  volume: string,
  order: FillOrder,
  options: {
    charged?: (command: string[]) => string[]
    output?: (bytes: Readable) => void
    signal?: AbortSignal
  } = {},
): Promise<void> {
  const program = packedProgram(join(import.meta.dirname, 'fill-main.ts'))
  const late = cannotBegin(volume, 'unpacking it takes too long')
  await withinTime(FILL_MS, late, options.signal, (signal) =>
    runApart(program, order, { ...options, signal }).catch((error) => {
      if (error instanceof ApartFailure) throw cannotBegin(volume, error.message)
      throw error
    }),
  )
}

/** The error of a volume that doesn't begin as its manifest says. */
export function cannotBegin(volume: string, why: string, cause?: unknown): CloisterError {
  return new CloisterError(
    'start-failed',
    `The volume ${nameInManifest(volume)} can't begin with what was sent: ${why}.`,
    { cause },
  )
}
