import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { CloisterError, messageOf } from '@cloister/core'
import { SERVER_OPTIONS, type Served, serve } from '@cloister/transport'
import { LEASE_HEADER, MAX_BODY_BYTES, REQUEST_HEADER, SEALED_TYPE } from '../protocol/constants.ts'
import type { EndpointKind } from '../protocol/options.ts'
import { type InferenceParts, infer } from './inference.ts'
import { CORS, leaving, PlainSink } from './plain-sink.ts'
import { apiError } from './problems.ts'
import { kindOf, type Question, requestIdOf, type Sink } from './question.ts'
import { readBody } from './read-body.ts'
import type { Room } from './room.ts'
import { answerSealed, MAX_SEALED_BYTES } from './sealed.ts'

/** What else the door answers, by GET: a path's parts after `/`. Undefined is for others, or nobody. */
export type Page = (
  path: readonly string[],
  query: URLSearchParams,
  signal: AbortSignal,
) => Promise<PageAnswer> | undefined
/** A page: JSON, or text of a type of its own. */
type PageAnswer = { json: unknown } | { type: string; text: string }

/** What the door is made of. */
export interface DoorParts extends InferenceParts {
  /** X25519, raw: opens sealed requests. */
  sealingKey: Uint8Array
  pages: readonly Page[]
  /** Of requests' bodies, all together. */
  bodies: Room
  log: (line: string) => void
}

const COUNT_PATH = '/v1/messages/count_tokens'
const BODY_MS = 60_000

/**
 * Serves an endpoint over plain HTTP inside its lease: the worker's attested TLS ends right before it. `at`:
 * port 8080 in a lease; tests have any.
 */
export function serveDoor(parts: DoorParts, at: { host?: string; port: number }): Promise<Served> {
  const server = createServer(SERVER_OPTIONS, (request, response) => {
    answer(parts, request, response).catch((error) => {
      // Nothing that was asked for failed: that was answered where it did.
      parts.log(`an answer broke off: ${messageOf(error)}`)
      response.destroy()
    })
  })
  server.requestTimeout = BODY_MS
  return serve('The door', server, at)
}

async function answer(parts: DoorParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = '/', search = ''] = (request.url ?? '/').split('?', 2)
  const { method } = request
  if (method === 'OPTIONS') return allow(response, request)
  if (method === 'POST') return ask(parts, path, request, response)
  if (method === 'GET' || method === 'HEAD') return show(parts, path, search, response)
  return refuse(parts, undefined, new CloisterError('not-found', 'There is nothing here.'), response, '')
}

/** A request for an inference. */
async function ask(
  parts: DoorParts,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const receivedAt = Date.now()
  const kind = kindOf(path)
  const isSealed = request.headers['content-type'] === SEALED_TYPE
  const requestId = requestIdOf(request.headers[REQUEST_HEADER])
  const share = parts.bodies.open()
  try {
    if (!kind && path !== COUNT_PATH)
      throw new CloisterError('not-found', `There is no ${path.slice(0, 100)}.`)
    const body = await readBody(request, isSealed ? MAX_SEALED_BYTES : MAX_BODY_BYTES, share)
    if (isSealed)
      return await answerSealed(parts, body, response, (question, sink) => dispatch(parts, question, sink))
    const headers = request.headers as Record<string, string | undefined>
    await dispatch(
      parts,
      { path, headers, body, sealedHash: null, receivedAt, requestId },
      new PlainSink(response),
    )
  } catch (error) {
    await refuse(parts, path === COUNT_PATH ? 'messages' : kind, error, response, requestId)
  } finally {
    share.close()
  }
}

/**
 * Answers a question that came in the open or was opened. Throws before anything was sent; afterwards the
 * answer has told what went wrong.
 */
async function dispatch(parts: DoorParts, question: Omit<Question, 'kind'>, sink: Sink): Promise<void> {
  const kind = kindOf(question.path)
  if (kind) return infer(parts, { ...question, kind }, sink)
  if (question.path === COUNT_PATH) return countTokens(parts, { ...question, kind: 'messages' }, sink)
  throw new CloisterError('not-found', `There is no ${question.path.slice(0, 100)}.`)
}

/**
 * How many tokens a message has, by the engine's own count. It costs nothing, but whoever asks has to be one
 * that could ask the model, and takes a turn.
 */
async function countTokens(parts: DoorParts, question: Question, sink: Sink): Promise<void> {
  if (!parts.options.endpoints.includes('messages'))
    throw new CloisterError('not-found', `${question.path} is not served here.`)
  parts.turns.requireRoom()
  const hold = await parts.cashier.admit(question, { input: 0, output: 0 })
  hold.release()
  const signal = AbortSignal.any([sink.signal, AbortSignal.timeout(BODY_MS)])
  const endTurn = await parts.turns.take(signal)
  const answer = await parts.engine
    .ask(question.path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: question.body,
      signal,
    })
    .finally(endTurn)
  const body = await readBody(answer, MAX_BODY_BYTES)
  if (answer.statusCode !== 200)
    throw new CloisterError('bad-answer', `The model’s engine answered with status ${answer.statusCode}.`)
  sink.begin(200, {
    'content-type': 'application/json',
    [REQUEST_HEADER]: question.requestId,
    [LEASE_HEADER]: parts.self.lease,
  })
  sink.finish(body)
  sink.end()
}

async function show(parts: DoorParts, path: string, search: string, response: ServerResponse): Promise<void> {
  try {
    const segments = path.slice(1).split('/')
    const query = new URLSearchParams(search)
    const signal = leaving(response)
    for (const page of parts.pages) {
      const shown = page(segments, query, signal)
      if (!shown) continue
      const found = await shown
      const [type, text] =
        'json' in found ? ['application/json', JSON.stringify(found.json)] : [found.type, found.text]
      const headers = { 'content-type': type, 'content-length': Buffer.byteLength(text) }
      response.writeHead(200, { ...headers, [LEASE_HEADER]: parts.self.lease, ...CORS }).end(text)
      return
    }
    throw new CloisterError('not-found', 'There is nothing here.')
  } catch (error) {
    await refuse(parts, undefined, error, response, requestIdOf(undefined))
  }
}

/** An error, in the form of the API that was asked. */
async function refuse(
  parts: Pick<DoorParts, 'tally' | 'log' | 'self'>,
  kind: EndpointKind | undefined,
  error: unknown,
  response: ServerResponse,
  requestId: string,
): Promise<void> {
  parts.tally.failed(error instanceof CloisterError ? error.code : 'internal')
  if (!(error instanceof CloisterError) && !response.destroyed) parts.log(`failed: ${messageOf(error)}`)
  if (response.headersSent || response.destroyed) return void response.destroy()
  const { status, headers, body } = apiError(kind, error, requestId)
  response.writeHead(status, {
    ...headers,
    'content-length': body.length,
    [REQUEST_HEADER]: requestId,
    [LEASE_HEADER]: parts.self.lease,
    ...CORS,
    // What is left of a body that isn't taken isn't read.
    ...((status === 413 || !response.req.complete) && { connection: 'close' }),
  })
  response.end(body)
}

/** Pages of any origin may ask, with whatever headers the official clients send. */
function allow(response: ServerResponse, request: IncomingMessage): void {
  response.writeHead(204, {
    ...CORS,
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': request.headers['access-control-request-headers'] ?? '*',
    'access-control-max-age': '86400',
  })
  response.end()
}
