// How a tenant sends a worker what a manifest names and doesn't hold: layers of images, archives that volumes
// begin with, large files. Everything is named by its digest, and only what the worker lacks is sent.
import * as z from 'zod'
import { DIGEST_PATTERN, SentBlob } from '../manifest/sent.ts'
import { bytes32 } from '../shapes.ts'

/** Blobs that may be named at one time. */
const MOST_BLOBS = 4_096
/** Bytes of a blob that one request carries at most. */
export const CHUNK_BYTES = 4 * 1024 * 1024

/**
 * `POST /v1/leases/{id}/sent`: all that the next manifest takes, signed by the tenant. Bytes that come
 * afterwards need no signature of their own: the digests are in this one.
 */
export const SendRequest = z.strictObject({ blobs: z.array(SentBlob).min(1).max(MOST_BLOBS) })
export type SendRequest = z.infer<typeof SendRequest>

/** What of it the worker lacks. */
export const SendReport = z.object({
  /** Shown with each part: for these blobs of this lease, until the worker starts anew or an hour is over. */
  ticket: bytes32,
  /** What has come of a blob so far; others are here. */
  lacking: z
    .array(z.object({ digest: z.string().regex(DIGEST_PATTERN), received: z.int().min(0) }))
    .max(MOST_BLOBS),
})
export type SendReport = z.infer<typeof SendReport>

/** Carries the ticket of `PUT /v1/leases/{id}/sent/{digest}`, whose body is a part of the blob. */
export const TICKET_HEADER = 'cloister-ticket'
/** Where in the blob that part begins: at what has been received. */
export const OFFSET_HEADER = 'cloister-offset'

/** What has come of a blob after a part; all of it is `complete` once its digest was checked. */
export const PartReport = z.object({ received: z.int().min(0), complete: z.boolean() })
export type PartReport = z.infer<typeof PartReport>
