// How a tenant reads a lease's volumes out, and fills them: blocks of files named by digest, so that only
// what the other side lacks is sent; and an inventory of what lies where (decision 53).
import * as z from 'zod'
import { bytes32 } from '../shapes.ts'

/** Bytes of a file that one block has; the last of a file has what is left. */
export const VOLUME_BLOCK_BYTES = 128 * 1024
/** Bytes of a block's digest, SHA-256. */
export const DIGEST_BYTES = 32
/** Bytes of blocks that one request carries at most, with what frames them. */
export const STAGED_PART_BYTES = 4 * 1024 * 1024
/** Digests that a reader may name as known, or that an inventory may have: of volumes of some 250 GiB. */
export const MAX_KNOWN_BLOCKS = 2_000_000
/** What volumes are called in a path. */
export const VOLUME_NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/

/** `GET /v1/leases/{id}/volumes`: those that hold what was written. */
export const VolumesReport = z.object({ volumes: z.array(z.string().regex(VOLUME_NAME_PATTERN)).max(10_000) })
export type VolumesReport = z.infer<typeof VolumesReport>

/** `POST /v1/leases/{id}/volumes/{name}/staging`: what has come of a volume that is to be. */
export const StagingReport = z.object({
  /** Shown with each part: for this volume, until the worker starts anew or an hour is over. */
  ticket: bytes32,
  /** Digests of the blocks that are here, one after the other, in base64. */
  blocks: z.string().max(MAX_KNOWN_BLOCKS * 44),
})
export type StagingReport = z.infer<typeof StagingReport>

/** What came of a part. */
export const StagedReport = z.object({ blocks: z.int().min(0) })
export type StagedReport = z.infer<typeof StagedReport>

/** `PUT /v1/leases/{id}/volumes/{name}`: the blocks that the inventory of a volume is in, in order. */
export const StagedVolume = z.strictObject({
  inventory: z
    .array(z.string().regex(/^[0-9a-f]{64}$/))
    .min(1)
    .max(10_000),
})
export type StagedVolume = z.infer<typeof StagedVolume>
