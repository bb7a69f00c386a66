import { CloisterError, fromProblem } from '@cloister/core'
import { sealQuestion } from '@cloister/secrets'
import { piecesOf, type Received, readText } from '@cloister/transport/web'
import { sha256 } from '@noble/hashes/sha2'
import { bytesToHex, type Hex } from 'viem'
import {
  LEASE_HEADER,
  MAX_ANSWER_MS,
  MAX_BODY_BYTES,
  MODEL_HEADER,
  RECEIPT_HEADER,
  SEALED_ANSWER_TYPE,
  SEALED_TYPE,
  SENT_HEADER,
  sealedContext,
} from '../protocol/constants.ts'
import { decodeAnswer, encodeQuestion } from '../protocol/sealed-head.ts'
import type { VerifiedEndpoint } from './endpoint.ts'
import { urlOn } from './reach.ts'

const MAX_PROBLEM_BYTES = 64 * 1024
/** Beyond what an endpoint has itself, for the way. */
const SLACK_MS = 30_000
/** Bytes of an answer, sealed: as much as an endpoint may say in ten minutes, and no more. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024

/** A request as it is sealed. `path` begins with `/v1/`; names of headers in lower case. */
export interface Question {
  method: 'GET' | 'POST'
  path: string
  headers: Record<string, string>
  body: Uint8Array
  signal?: AbortSignal | undefined
}

/** SHA-256 of what was sent and received, as the answer's receipt has to have it. */
export interface AnswerHashes {
  request: Hex
  requestSealed: Hex
  response: Hex
  responseSealed: Hex
}

/** An answer that the endpoint's key alone can have sealed. */
export interface SealedAnswer {
  status: number
  headers: Record<string, string>
  /** Opened, piece by piece. Throws `not-sealed-for-us` where it was changed or cut off. */
  body: AsyncGenerator<Uint8Array>
  /** Id of its receipt, which is there once the answer has ended. */
  receiptId: string | undefined
  /** Ends it at once: nobody reads on. */
  cancel(): void
  /** Settles once the answer has come to its end; undefined where it was given up before. */
  hashes: Promise<AnswerHashes | undefined>
}

/** What came instead of a sealed answer, from anybody on the way. */
export class UnsealedAnswer extends CloisterError {
  readonly status: number
  readonly retryAfter: string | undefined

  constructor(status: number, said: CloisterError, retryAfter: string | undefined) {
    super(
      status === 429 ? 'too-many' : status >= 500 ? 'unreachable' : 'bad-answer',
      `Somebody on the way answered with status ${status}, unsealed: ${said.message}`,
      { details: { status }, cause: said },
    )
    this.status = status
    this.retryAfter = retryAfter
  }
}

/**
 * Seals a request to a verified endpoint, sends it, and opens the head of the answer. Throws `key-changed`
 * where the endpoint can't open it (verify it again), `not-attested` for an endpoint that was verified too
 * long ago, `not-sealed-for-us` for an answer by anybody else, an `UnsealedAnswer`, `too-large` or
 * `unreachable`.
 */
export async function askSealed(endpoint: VerifiedEndpoint, question: Question): Promise<SealedAnswer> {
  const { lease, way, until } = endpoint
  if (Date.now() > until)
    throw new CloisterError('not-attested', 'The endpoint was verified too long ago.', {
      hint: 'Verify it again.',
    })
  const { method, path, body } = question
  const headers = { ...question.headers, [SENT_HEADER]: String(Date.now()) }
  if (body.length > MAX_BODY_BYTES)
    throw new CloisterError(
      'too-large',
      `A request has at most ${MAX_BODY_BYTES} bytes; this has ${body.length}.`,
    )
  const { sealed, openAnswer } = await sealQuestion(
    endpoint.sealingKey,
    encodeQuestion({ method, path, headers }, body),
    sealedContext(lease),
  )
  const leaving = new AbortController()
  const limits = [AbortSignal.timeout(MAX_ANSWER_MS + SLACK_MS), leaving.signal]
  const response = await send(endpoint, urlOn(way, path.replace(/\?.*$/s, '')), {
    method: 'POST',
    headers: { 'content-type': SEALED_TYPE, [LEASE_HEADER]: lease, [MODEL_HEADER]: endpoint.options.model },
    body: sealed,
    redirect: 'error',
    signal: AbortSignal.any(question.signal ? [question.signal, ...limits] : limits),
  })
  const type = response.headers.get('content-type')?.split(';', 1)[0]?.trim()
  if (response.status !== 200 || type !== SEALED_ANSWER_TYPE || !response.body) throw await unsealed(response)
  const taps = { response: sha256.create(), responseSealed: sha256.create() }
  let settle: (hashes: AnswerHashes | undefined) => void = () => {}
  const hashes = new Promise<AnswerHashes | undefined>((resolve) => (settle = resolve))
  const opened = openAnswer(tapped(piecesOf(response.body), taps.responseSealed))
  try {
    const { head, body: pieces } = await decodeAnswer(opened)
    const settled = () =>
      settle({
        request: bytesToHex(sha256(body)),
        requestSealed: bytesToHex(sha256(sealed)),
        response: bytesToHex(taps.response.digest()),
        responseSealed: bytesToHex(taps.responseSealed.digest()),
      })
    return {
      status: head.status,
      headers: head.headers,
      body: watched(tapped(pieces, taps.response), settled, () => settle(undefined)),
      receiptId: head.headers[RECEIPT_HEADER],
      cancel: () => {
        settle(undefined)
        leaving.abort()
      },
      hashes,
    }
  } catch (error) {
    leaving.abort()
    throw error
  }
}

async function send(endpoint: VerifiedEndpoint, url: string, init: RequestInit): Promise<Received> {
  try {
    return await endpoint.way.send(url, init)
  } catch (cause) {
    if (cause instanceof CloisterError || init.signal?.aborted) throw cause
    throw new CloisterError('unreachable', `Nobody answers at ${new URL(url).origin}.`, { cause })
  }
}

/** What an answer says that isn't sealed. Nothing of it is to be believed but that there was no answer. */
async function unsealed(response: Received): Promise<CloisterError> {
  const text = await readText(response.body, MAX_PROBLEM_BYTES).catch(() => '')
  const said = saidIn(response.status, text)
  if (said.code === 'key-changed')
    return new CloisterError(
      'key-changed',
      'The endpoint has another key now than the one that was verified.',
      {
        cause: said,
      },
    )
  return new UnsealedAnswer(response.status, said, response.headers.get('retry-after') ?? undefined)
}

/** A problem document, or an error in OpenAI's form. */
function saidIn(status: number, text: string): CloisterError {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown; code?: unknown } }
    if (typeof error?.message === 'string')
      return new CloisterError(
        error.code === 'key-changed' || error.code === 'key_changed' ? 'key-changed' : 'bad-answer',
        error.message.slice(0, 1_000),
      )
  } catch {
    // No JSON: said below.
  }
  return fromProblem(status, text, 'It')
}

async function* tapped(
  pieces: AsyncIterable<Uint8Array>,
  tap: { update(bytes: Uint8Array): unknown },
): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const piece of pieces) {
    size += piece.length
    if (size > MAX_ANSWER_BYTES)
      throw new CloisterError('bad-answer', `The answer has more than ${MAX_ANSWER_BYTES} bytes.`)
    tap.update(piece)
    yield piece
  }
}

/** The same pieces; says whether they came to their end. */
async function* watched(
  pieces: AsyncGenerator<Uint8Array>,
  ended: () => void,
  givenUp: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces
    ended()
  } finally {
    givenUp()
  }
}
