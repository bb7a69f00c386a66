import * as z from 'zod'
import { parseImageReference } from './image-reference.ts'

/** A digest as OCI writes it (OCI image specification, "Digests"). */
export const DIGEST_PATTERN = /^sha256:[0-9a-f]{64}$/

/**
 * Bytes that a tenant sends to its worker beside the manifest, which names them by their digest: what runs is
 * measured with them.
 */
export const SentBlob = z.strictObject({
  digest: z.string().regex(DIGEST_PATTERN),
  bytes: z
    .int()
    .min(0)
    .max(2 ** 40),
})
export type SentBlob = z.infer<typeof SentBlob>

/** What is sent beside a manifest: an archive, a file, or a part of an image. */
export interface SentContent {
  /** `sha256:…` of all of it. */
  digest: string
  bytes: number
  /** Its bytes from `from` on; a piece holds until the next one is asked for. May be asked several times. */
  open(from: number): AsyncIterable<Uint8Array>
}

/** In place of a registry's host: the tenant sends the image, and nobody is asked for it. */
export const SENT_HOST = 'sent.local'

/**
 * The reference of an image that the tenant sends. `name` as repositories are called, `digest` of its
 * manifest.
 */
export function sentReference(name: string, digest: string): string {
  return `${SENT_HOST}/${name}@${digest}`
}

/** Digest of an image that the tenant sends; undefined for every other. Throws `bad-image`. */
export function sentDigest(reference: string): string | undefined {
  const { host, digest } = parseImageReference(reference)
  return host === SENT_HOST ? digest : undefined
}
