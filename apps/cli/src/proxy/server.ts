import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { CloisterError } from '@cloister/core'
import type { ConfidentialModels } from '@cloister/sdk'
import { apiErrorOf } from './errors.ts'
import { refusePages } from './guard.ts'

const MAX_BODY_BYTES = 4 * 1024 * 1024
const BODY_MS = 60_000
/** Headers that are between the tool and this proxy. */
const HOP = new Set(['accept-encoding', 'connection', 'content-length', 'host', 'keep-alive', 'te'])
for (const name of ['transfer-encoding', 'upgrade', 'user-agent', 'cookie', 'expect']) HOP.add(name)
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

export interface ProxyParts {
  models: Pick<ConfidentialModels, 'ask'>
  /** Names for `GET /v1/models`. */
  names(): Promise<string[]>
}

/**
 * Serves OpenAI's and Anthropic's interface to programs on this machine: each request is sealed to an
 * endpoint that was verified, and the answer is passed on as it was opened. A stream that breaks off has its
 * connection broken off, so that nobody takes a part for the whole.
 */
export function proxyServer(parts: ProxyParts): Server {
  const server = createServer((request, response) => {
    const [path = '/'] = (request.url ?? '/').split('?', 1)
    answer(parts, path, request, response).catch((error) => {
      if (response.headersSent || response.destroyed) return void response.destroy()
      const { status, retryAfter, body } = apiErrorOf(error, path)
      response.writeHead(status, {
        'content-type': 'application/json',
        ...(retryAfter !== undefined && { 'retry-after': retryAfter }),
        // What wasn't read of a request isn't read any more.
        ...(request.complete ? {} : { connection: 'close' }),
      })
      response.end(body)
    })
  })
  server.requestTimeout = BODY_MS
  return server
}

async function answer(
  { models, names }: ProxyParts,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  refusePages(request, request.socket.localPort ?? 0)
  const { method } = request
  if (method === 'GET' && path === '/v1/models') return void sayModels(response, await names())
  if (method !== 'POST' || !path.startsWith('/v1/'))
    throw new CloisterError('not-found', `There is no ${method} ${path.slice(0, 100)} here.`, {
      hint: 'Point OpenAI’s clients at /v1 of this address, and Anthropic’s at the address itself.',
    })
  const leaving = new AbortController()
  response.once('close', () => leaving.abort())
  const sealed = await models.ask({
    method,
    path,
    headers: headersOf(request),
    body: await bodyOf(request),
    signal: leaving.signal,
  })
  const headers = Object.entries(sealed.headers).filter(([name]) => !HOP.has(name))
  response.writeHead(sealed.status, Object.fromEntries(headers))
  try {
    for await (const piece of sealed.body) if (!response.write(piece)) await drained(response, leaving.signal)
    response.end()
  } catch (error) {
    sealed.cancel()
    response.destroy()
    throw error
  }
}

function sayModels(response: ServerResponse, names: string[]): void {
  const data = names.map((id) => ({ id, object: 'model', created: 0, owned_by: 'cloister' }))
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ object: 'list', data, has_more: false }))
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  const given: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    const text = Array.isArray(value) ? value.join(', ') : value
    if (text !== undefined && !HOP.has(name) && HEADER_VALUE.test(text)) given[name] = text
  }
  return given
}

/** A request's body. Throws `too-large`. */
async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size > MAX_BODY_BYTES)
      throw new CloisterError('too-large', `A request has at most ${MAX_BODY_BYTES} bytes.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const gone = () => reject(new CloisterError('cancelled', 'Whoever asked has left.'))
    if (signal.aborted) return gone()
    signal.addEventListener('abort', gone, { once: true })
    response.once('drain', () => {
      signal.removeEventListener('abort', gone)
      resolve()
    })
  })
}
