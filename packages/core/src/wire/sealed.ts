// Requests that reach a worker sealed to a key of its own, through a gateway that can't read them: how
// programs in browsers speak to workers (decision 42). Both a gateway and the worker answer these paths.
import type { Address } from 'viem'
import * as z from 'zod'
import { textOf, utf8 } from '../bytes.ts'
import { MAX_MANIFEST_BYTES } from '../manifest/canonical.ts'
import { bytes32, hexBytes } from '../shapes.ts'
import { ROUTE_HEADER } from './worker.ts'

/** Media type of a sealed request and of a sealed answer. */
export const SEALED_TYPE = 'application/vnd.cloister.sealed'
const HEAD_BYTES = 16 * 1024
/** Bytes that a sealed request has at most. */
export const MAX_SEALED_BYTES = MAX_MANIFEST_BYTES + HEAD_BYTES + 1024

/** `GET /v1/workers/{worker}/key`: what requests to a worker are sealed to, signed by the worker's key. */
export const RequestKeyReport = z.object({
  /** X25519, raw. The worker makes another whenever its agent starts. */
  key: bytes32,
  /** See `requestKeyTypedData`. */
  signature: hexBytes,
})
export type RequestKeyReport = z.infer<typeof RequestKeyReport>

/** The head of a request inside `POST /v1/workers/{worker}/sealed`. */
export const SealedHead = z.strictObject({
  method: z.enum(['GET', 'POST', 'PUT']),
  path: z.string().regex(/^\/[\x21-\x7e]{0,4000}$/),
  headers: z.strictObject({
    accept: z.string().max(200).optional(),
    authorization: z.string().max(4_096).optional(),
    'content-type': z.string().max(200).optional(),
    [ROUTE_HEADER]: z.string().max(200).optional(),
  }),
})
export type SealedHead = z.infer<typeof SealedHead>

/** The head of an answer: the first piece of it. */
const SealedAnswerHead = z.object({
  status: z.int().min(200).max(599),
  contentType: z.string().max(200).optional(),
})
export type SealedAnswerHead = z.infer<typeof SealedAnswerHead>

/** The first piece of an answer. */
export function encodeSealedAnswerHead(head: SealedAnswerHead): Uint8Array {
  return utf8(JSON.stringify(head))
}

/** Reads the first piece of an answer; undefined for what is none. */
export function decodeSealedAnswerHead(piece: Uint8Array): SealedAnswerHead | undefined {
  try {
    return SealedAnswerHead.safeParse(JSON.parse(textOf(piece))).data
  } catch {
    return undefined
  }
}

/** Where a worker or a gateway gives the key, and takes what is sealed to it. */
export function sealedPaths(worker: Address): { key: string; sealed: string } {
  const base = `/v1/workers/${worker.toLowerCase()}`
  return { key: `${base}/key`, sealed: `${base}/sealed` }
}

/** What a request is sealed for: one worker, so that it means nothing to another. */
export function sealedContext(worker: Address): string {
  return `cloister request ${worker.toLowerCase()}`
}

/** A request as it is sealed: its head in one line of JSON, then its body. */
export function encodeSealedRequest(head: SealedHead, body: string): Uint8Array {
  return utf8(`${JSON.stringify(head)}\n${body}`)
}

/** Reads an opened request; undefined for what is none. */
export function decodeSealedRequest(bytes: Uint8Array): { head: SealedHead; body: string } | undefined {
  const end = bytes.indexOf(10)
  if (end < 0 || end > HEAD_BYTES) return undefined
  try {
    const head = SealedHead.safeParse(JSON.parse(textOf(bytes.subarray(0, end)))).data
    return head && { head, body: textOf(bytes.subarray(end + 1)) }
  } catch {
    return undefined
  }
}
