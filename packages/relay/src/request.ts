import { type ClientRequest, request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { Transform } from 'node:stream'
import type { DialAgent, Target } from './dial.ts'
import { endToEndHeaders } from './headers.ts'

/** Names a request across gateway, agent and service; made by whoever sees it first. */
export const CORRELATION = 'x-request-id'

/** Where a request goes and what is said on the way. */
export interface RelayOptions {
  agent: DialAgent
  target: Target
  /** Headers set over those of the request; undefined removes one. */
  headers: Record<string, string | undefined>
  /** Bytes a request's body may have. */
  maxBodyBytes: number
  /** Milliseconds until the answer has to begin. */
  timeoutMs: number
  /** May take an answer instead of the client; then it has to read it. */
  intercept?(answer: IncomingMessage): boolean
  /** Answers in our own name when the other side can't: 413, 502 or 504. Nothing was sent yet. */
  refuse(status: number, error: Error): void
}

/** Methods that change nothing (RFC 9110, section 9.2.1). */
export const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Relays one request and its answer, bodies streamed both ways with back-pressure. HTTP/1.1 or HTTP/2 on our side, 1.1 behind. */
export function relayRequest(incoming: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse, options: RelayOptions): void {
  if (Number(incoming.headers['content-length'] ?? 0) > options.maxBodyBytes) {
    options.refuse(413, new Error('the body is too large'))
    return
  }
  const hasBody = incoming.headers['content-length'] !== undefined || incoming.headers['transfer-encoding'] !== undefined || !SAFE.has(incoming.method ?? '')
  let settled = false
  const fail = (status: number, error: Error) => {
    if (settled) return
    settled = true
    if (response.headersSent) response.destroy(error)
    else options.refuse(status, error)
  }

  const attempt = (mayRetry: boolean) => {
    const outgoing = begin(incoming, options)
    const timer = setTimeout(() => {
      fail(504, new Error('no answer in time'))
      outgoing.destroy()
    }, options.timeoutMs)
    // A client that leaves early ends the request behind; one that has everything leaves the connection to be used again.
    response.once('close', () => response.writableFinished || outgoing.destroy())
    outgoing.once('error', (error) => {
      clearTimeout(timer)
      // A kept connection may have been closed by the other side just now; what has no body and no effect goes again.
      if (mayRetry && outgoing.reusedSocket && !hasBody && !settled) attempt(false)
      else fail(502, error)
    })
    outgoing.once('response', (answer) => {
      clearTimeout(timer)
      settled = true
      if (options.intercept?.(answer)) return
      const headers = endToEndHeaders(answer.headers)
      // The two kinds of response write the same head.
      const reply = response as ServerResponse
      reply.writeHead(answer.statusCode ?? 502, headers)
      // An answer without a length may be a stream: its head goes out at once, so that one sees that it is open.
      // With one, head and body go out together.
      if (headers['content-length'] === undefined) reply.flushHeaders?.()
      answer.pipe(reply)
      answer.once('error', () => reply.destroy())
      answer.once('aborted', () => reply.destroy())
    })
    if (!hasBody) return void outgoing.end()
    const counted = limitBytes(options.maxBodyBytes)
    counted.once('error', (error) => {
      fail(413, error)
      outgoing.destroy()
    })
    incoming.pipe(counted).pipe(outgoing)
    incoming.once('aborted', () => outgoing.destroy())
  }
  attempt(true)
}

/** Opens a request to the target with the headers it should carry. */
export function begin(
  incoming: IncomingMessage | Http2ServerRequest,
  { agent, target, headers }: Pick<RelayOptions, 'agent' | 'target' | 'headers'>,
  extra: OutgoingHttpHeaders = {},
): ClientRequest {
  const all = endToEndHeaders(incoming.headers)
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) delete all[name]
    else all[name] = value
  }
  // `target` is not Node's: it reaches our agent with the other options.
  const options = { agent, target, method: incoming.method ?? 'GET', path: incoming.url ?? '/', headers: { ...all, ...extra }, setHost: false }
  return httpRequest(options)
}

function limitBytes(maximum: number): Transform {
  let seen = 0
  return new Transform({
    transform(chunk: Buffer, _, done) {
      seen += chunk.length
      done(seen > maximum ? new Error('the body is too large') : null, chunk)
    },
  })
}
