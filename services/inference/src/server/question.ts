import { randomUUID } from 'node:crypto'
import type { Hex } from 'viem'
import { ENDPOINT_PATHS, type EndpointKind } from '../protocol/options.ts'

const KINDS = new Map<string, EndpointKind>(
  Object.entries(ENDPOINT_PATHS).map(([kind, path]) => [path, kind as EndpointKind]),
)
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/

/** Which API a path is of; undefined for any other path. */
export function kindOf(path: string): EndpointKind | undefined {
  return KINDS.get(path)
}

/** A request's id: the client's own where it gave one. */
export function requestIdOf(own: string | string[] | undefined): string {
  return typeof own === 'string' && REQUEST_ID.test(own) ? own : `req_${randomUUID().replaceAll('-', '')}`
}

/** One request for an inference, in the open or opened. */
export interface Question {
  kind: EndpointKind
  path: string
  /** Names in lower case. */
  headers: Readonly<Record<string, string | undefined>>
  body: Buffer
  /** SHA-256 of the sealed request; null for one in the open. */
  sealedHash: Hex | null
  receivedAt: number
  /** The client's own, or one of ours. */
  requestId: string
}

/** Where an answer goes: a response in the open, or a sealed one. */
export interface Sink {
  /** Aborted where whoever asks has left before the end. */
  readonly signal: AbortSignal
  begin(status: number, headers: Record<string, string>): void
  /** False where whoever asks is slower than what comes: wait for `drained`. */
  write(piece: Buffer): boolean
  drained(listener: () => void): void
  /** Makes the end of the answer up, so that `sealedHash` is over all of it; `end` sends it. */
  finish(piece: Buffer | undefined): void
  end(): void
  /** SHA-256 of the sealed answer as it goes out; null in the open. */
  sealedHash(): Hex | null
}
