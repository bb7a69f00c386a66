import { createHash, type Hash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { CloisterError, toProblem } from '@cloister/core'
import { type AnswerSealer, openQuestionAtOnce, RecipientKey } from '@cloister/secrets/node'
import type { Hex } from 'viem'
import {
  LEASE_HEADER,
  MAX_BODY_BYTES,
  MAX_HEAD_BYTES,
  MAX_SENT_AGE_MS,
  REQUEST_HEADER,
  SEALED_ANSWER_TYPE,
  SENT_HEADER,
  sealedContext,
} from '../protocol/constants.ts'
import type { EndpointKind } from '../protocol/options.ts'
import { decodeQuestion, encodeAnswerHead } from '../protocol/sealed-head.ts'
import { CORS, leaving } from './plain-sink.ts'
import { apiError } from './problems.ts'
import { kindOf, type Question, requestIdOf, type Sink } from './question.ts'
import type { Tally } from './tally.ts'

/** Bytes that sealing adds to a question: a key and a tag. */
const OVERHEAD_BYTES = 48
/** Bytes of a sealed request. */
export const MAX_SEALED_BYTES = MAX_BODY_BYTES + MAX_HEAD_BYTES + 4 + OVERHEAD_BYTES

/** What opening requests takes. */
interface SealedParts {
  self: { lease: Hex }
  /** X25519, raw. */
  sealingKey: Uint8Array
  tally: Tally
}

/**
 * Answers a sealed request: what is inside is asked like any other, and all that comes of it, errors too,
 * goes back sealed. One that doesn't open gets a problem document, 422 `key-changed`: whoever asked has to
 * look at the endpoint's evidence again.
 */
export async function answerSealed(
  parts: SealedParts,
  body: Buffer,
  response: ServerResponse,
  dispatch: (question: Omit<Question, 'kind'>, sink: Sink) => Promise<void>,
): Promise<void> {
  const receivedAt = Date.now()
  parts.tally.cameSealed()
  let opened: ReturnType<typeof openQuestionAtOnce>
  try {
    opened = openQuestionAtOnce(recipientOf(parts.sealingKey), body, sealedContext(parts.self.lease))
  } catch (cause) {
    const error = new CloisterError('key-changed', 'The request is not sealed to the key of this endpoint.', {
      cause,
    })
    parts.tally.failed(error.code)
    const problem = Buffer.from(JSON.stringify(toProblem(error)))
    const headers = { 'content-type': 'application/problem+json', 'content-length': problem.length }
    response.writeHead(422, { ...headers, [LEASE_HEADER]: parts.self.lease, ...CORS }).end(problem)
    return
  }
  const sink = new SealedSink(response, opened.startAnswer(), parts.self.lease)
  let requestId = requestIdOf(undefined)
  let kind: EndpointKind | undefined
  try {
    const question = decodeQuestion(opened.question)
    kind = kindOf(question.head.path)
    requestId = requestIdOf(question.head.headers[REQUEST_HEADER])
    if (question.head.method !== 'POST') throw new CloisterError('bad-request', 'Questions are POSTed.')
    requireFresh(question.head.headers[SENT_HEADER], receivedAt)
    await dispatch(
      {
        path: question.head.path,
        headers: question.head.headers,
        body: Buffer.from(question.body),
        sealedHash: `0x${createHash('sha256').update(body).digest('hex')}`,
        receivedAt,
        requestId,
      },
      sink,
    )
  } catch (error) {
    if (sink.hasBegun) throw error
    parts.tally.failed(error instanceof CloisterError ? error.code : 'internal')
    const refusal = apiError(kind, error, requestId)
    sink.begin(refusal.status, { ...refusal.headers, [REQUEST_HEADER]: requestId })
    sink.finish(refusal.body)
    sink.end()
  }
}

/** Throws `stale` for a request that was sealed long ago: who has kept one can't have it answered later. */
function requireFresh(sent: string | undefined, now: number): void {
  if (sent !== undefined && /^\d{1,15}$/.test(sent) && Math.abs(now - Number(sent)) <= MAX_SENT_AGE_MS) return
  throw new CloisterError(
    'stale',
    `The request does not say in ${SENT_HEADER} that it was sealed just now.`,
    {
      hint: 'Ask again; where that does not help, set this machine’s clock.',
    },
  )
}

const recipients = new WeakMap<Uint8Array, RecipientKey>()

function recipientOf(privateKey: Uint8Array): RecipientKey {
  let recipient = recipients.get(privateKey)
  if (!recipient) recipients.set(privateKey, (recipient = new RecipientKey(privateKey)))
  return recipient
}

/** An answer that goes out sealed: its status and headers are inside. */
class SealedSink implements Sink {
  readonly signal: AbortSignal
  hasBegun = false
  private readonly response: ServerResponse
  private readonly sealer: AnswerSealer
  private readonly lease: Hex
  private readonly hash: Hash = createHash('sha256')
  private last: Uint8Array | undefined

  constructor(response: ServerResponse, sealer: AnswerSealer, lease: Hex) {
    this.response = response
    this.sealer = sealer
    this.lease = lease
    this.signal = leaving(response)
  }

  begin(status: number, headers: Record<string, string>): void {
    this.hasBegun = true
    this.response.writeHead(200, { 'content-type': SEALED_ANSWER_TYPE, [LEASE_HEADER]: this.lease, ...CORS })
    this.send(Buffer.concat([this.sealer.salt, this.sealer.seal(encodeAnswerHead({ status, headers }))]))
  }

  write(piece: Buffer): boolean {
    return this.send(this.sealer.seal(piece))
  }

  drained(listener: () => void): void {
    this.response.once('drain', listener)
  }

  finish(piece: Buffer | undefined): void {
    const frames = piece ? [this.sealer.seal(piece), this.sealer.end()] : [this.sealer.end()]
    this.last = Buffer.concat(frames)
    this.hash.update(this.last)
  }

  end(): void {
    this.response.end(this.last)
  }

  sealedHash(): Hex {
    return `0x${this.hash.copy().digest('hex')}`
  }

  private send(bytes: Uint8Array): boolean {
    this.hash.update(bytes)
    return this.response.write(bytes)
  }
}
