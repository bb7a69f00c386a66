import {
  CloisterError,
  FRAME,
  fromProblem,
  readFrames,
  STAGED_PART_BYTES,
  StagedReport,
  StagingReport,
  TICKET_HEADER,
  toCanonicalJson,
  VOLUME_BLOCK_BYTES,
  type VolumeSummary,
  VolumesReport,
} from '@cloister/core'
import { bytesToHex, type Hex } from 'viem'
import * as z from 'zod'
import { fetchJson, reach, textOf } from '../ask.ts'
import type { WorkerClient } from './client.ts'

/** Milliseconds for a part to get through, over a slow line. */
const PART_MS = 120_000
/** Bytes that an answer has which names all blocks that are there. */
const MAX_REPORT_BYTES = 96 * 1024 * 1024
const DIGEST_BYTES = 32

/** What comes of a volume while it is read. Digests are hexadecimal, without a prefix. */
export type VolumePart =
  | { type: 'block'; digest: string; bytes: Uint8Array }
  | { type: 'inventory'; bytes: Uint8Array }
  | { type: 'progress'; bytes: number }
  | { type: 'end'; summary: VolumeSummary }

const Summary = z.object({
  files: z.int().min(0),
  bytes: z.int().min(0),
  leftOut: z.object({ count: z.int().min(0), names: z.array(z.string()) }),
})
const Failure = z.object({ reason: z.string() })

/** Names of a lease's volumes that hold what was written. */
export async function listVolumes(client: WorkerClient, lease: Hex): Promise<string[]> {
  const path = `/v1/leases/${lease}/volumes`
  const headers = await client.sign('GET', path)
  return (await ask(client, path, VolumesReport, { headers })).volumes
}

/**
 * Reads a volume: blocks that `known` lacks (digests one after the other), pieces of its inventory, and a
 * summary at its end. Bytes hold until the next part is asked for. Throws `read-failed` with the worker's
 * reason, and `unreachable` where it breaks off.
 */
export async function* readVolume(
  client: WorkerClient,
  lease: Hex,
  volume: string,
  { known, signal }: { known: Uint8Array<ArrayBuffer>; signal: AbortSignal },
): AsyncGenerator<VolumePart> {
  const path = `/v1/leases/${lease}/volumes/${volume}/read`
  const headers = {
    'content-type': 'application/octet-stream',
    ...(await client.sign('POST', path, known)),
  }
  const init = { method: 'POST', body: known, headers, signal }
  const { connection } = client
  const response = await reach(who(client), connection.urlOf(path), init, connection.send)
  if (!response.ok || !response.body)
    throw fromProblem(response.status, await textOf(who(client), response), who(client))
  try {
    for await (const { kind, payload } of readFrames(response.body)) {
      if (kind === FRAME.block)
        yield {
          type: 'block',
          digest: bytesToHex(payload.subarray(0, DIGEST_BYTES)).slice(2),
          bytes: payload.subarray(DIGEST_BYTES),
        }
      else if (kind === FRAME.inventory) yield { type: 'inventory', bytes: payload }
      else if (kind === FRAME.progress) yield { type: 'progress', bytes: numberIn(payload) }
      else if (kind === FRAME.failure)
        throw new CloisterError(
          'read-failed',
          `The volume ${volume} can't be read: ${jsonIn(payload, Failure).reason}.`,
        )
      else return yield { type: 'end', summary: jsonIn(payload, Summary) }
    }
  } catch (cause) {
    if (cause instanceof CloisterError) throw cause
    throw broken(client, cause)
  } finally {
    await response.body.cancel().catch(() => {})
  }
  throw broken(client, undefined)
}

/**
 * Says that a volume of a lease is to be filled before it has a manifest. Throws `exists` for one that is
 * there.
 */
export async function beginStaging(
  client: WorkerClient,
  lease: Hex,
  volume: string,
): Promise<{ ticket: Hex; blocks: Uint8Array<ArrayBuffer> }> {
  const path = `/v1/leases/${lease}/volumes/${volume}/staging`
  const init = { method: 'POST', body: '{}', headers: await signed(client, 'POST', path, '{}') }
  const { ticket, blocks } = await ask(client, path, StagingReport, {
    ...init,
    maxBytes: MAX_REPORT_BYTES,
    signal: AbortSignal.timeout(PART_MS),
  })
  const text = atob(blocks)
  const bytes = new Uint8Array(text.length)
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at)
  return { ticket, blocks: bytes }
}

/** Fills a volume with what was staged, once the lease has a manifest that mounts it. Throws `not-sent`. */
export async function finishStaging(
  client: WorkerClient,
  lease: Hex,
  volume: string,
  inventory: readonly string[],
): Promise<void> {
  const path = `/v1/leases/${lease}/volumes/${volume}`
  const body = toCanonicalJson({ inventory })
  const headers = await signed(client, 'PUT', path, body)
  await ask(client, path, z.unknown(), { method: 'PUT', body, headers, signal: AbortSignal.timeout(PART_MS) })
}

/** Sends blocks of one volume to a worker, in parts as large as may be; one is on its way at a time. */
export class BlockSender {
  /** Bytes of blocks that the worker has taken. */
  sentBytes = 0
  private readonly client: WorkerClient
  private readonly path: string
  private readonly ticket: Hex
  private part = new Uint8Array(STAGED_PART_BYTES)
  private filled = 0
  private underWay: Promise<void> = Promise.resolve()

  constructor(client: WorkerClient, lease: Hex, volume: string, ticket: Hex) {
    this.client = client
    this.path = `/v1/leases/${lease}/volumes/${volume}/staging`
    this.ticket = ticket
  }

  /** `digest` in hexadecimal. Its bytes aren't needed any more afterwards. */
  async add(digest: string, bytes: Uint8Array): Promise<void> {
    const length = DIGEST_BYTES + bytes.length
    if (bytes.length > VOLUME_BLOCK_BYTES) throw new CloisterError('bad-file', 'A block is too large.')
    if (this.filled + 5 + length > this.part.length) await this.send()
    const view = new DataView(this.part.buffer, this.filled)
    view.setUint8(0, FRAME.block)
    view.setUint32(1, length)
    for (let at = 0; at < DIGEST_BYTES; at++)
      view.setUint8(5 + at, Number.parseInt(digest.slice(2 * at, 2 * at + 2), 16))
    this.part.set(bytes, this.filled + 5 + DIGEST_BYTES)
    this.filled += 5 + length
  }

  /** Resolves once all has been taken. */
  async finish(): Promise<void> {
    await this.send()
    await this.underWay
  }

  private async send(): Promise<void> {
    await this.underWay
    if (this.filled === 0) return
    const body = this.part.subarray(0, this.filled)
    this.part = new Uint8Array(STAGED_PART_BYTES)
    this.filled = 0
    this.underWay = ask(this.client, this.path, StagedReport, {
      method: 'PUT',
      body,
      headers: { 'content-type': 'application/octet-stream', [TICKET_HEADER]: this.ticket },
      signal: AbortSignal.timeout(PART_MS),
    }).then(() => void (this.sentBytes += body.length))
    // It is told where it is waited for.
    this.underWay.catch(() => {})
  }
}

function ask<T extends z.ZodType>(
  client: WorkerClient,
  path: string,
  schema: T,
  init: RequestInit & { maxBytes?: number },
): Promise<z.infer<T>> {
  const { connection } = client
  return fetchJson(who(client), connection.urlOf(path), schema, { ...init, send: connection.send })
}

async function signed(client: WorkerClient, method: string, path: string, body: string) {
  return { 'content-type': 'application/json', ...(await client.sign(method, path, body)) }
}

function numberIn(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0))
}

function jsonIn<T extends z.ZodType>(bytes: Uint8Array, schema: T): z.infer<T> {
  const { data } = schema.safeParse(JSON.parse(new TextDecoder().decode(bytes)))
  if (data === undefined) throw new CloisterError('bad-answer', 'What came ends in a shape we do not know.')
  return data
}

function broken(client: WorkerClient, cause: unknown): CloisterError {
  return new CloisterError('unreachable', `${who(client)} broke off while a volume was read.`, {
    hint: 'Try again; what came is kept.',
    ...(cause !== undefined && { cause }),
  })
}

function who({ worker }: WorkerClient): string {
  return `The worker ${worker.slice(0, 10)}…`
}
