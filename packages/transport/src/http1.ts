import { type IncomingMessage, request } from 'node:http'
import type { Duplex } from 'node:stream'
import type { DialAgent, Target } from './dial.ts'
import type { Answer, Upstream } from './exchange.ts'
import { type Framing, MAX_HEADER_BYTES } from './framing.ts'
import { MuxStream } from './mux/stream.ts'

/** Methods whose requests have a length although they have no body (RFC 9110, section 8.6). */
const EXPECTS_BODY = new Set(['POST', 'PUT', 'PATCH'])

/**
 * Requests in HTTP/1.1 to one target. The framing is written out for every method: Node by itself would
 * leave it out for some.
 */
export function http1Upstream(agent: DialAgent, target: Target): Upstream {
  return ({ method, path, headers, framing }, asker) => {
    const framed = { ...headers }
    // Announced where there can't be any, they are an error for Node.
    if (framing !== 'open') delete framed['trailer']
    if (framing === 'open') framed['transfer-encoding'] = 'chunked'
    else if (framing !== 'none') framed['content-length'] = String(framing)
    else if (EXPECTS_BODY.has(method)) framed['content-length'] = '0'
    // `target` is not Node's: it reaches our agent with the other options.
    const options = {
      agent,
      target,
      method,
      path,
      headers: framed,
      setHost: false,
      maxHeaderSize: MAX_HEADER_BYTES,
    }
    const outgoing = request(options)
    outgoing.maxHeadersCount = 0
    let settled = false
    const fail = (error: Error) => {
      if (settled) return
      settled = true
      asker.failed(error, outgoing.reusedSocket || isKept(outgoing.socket))
    }
    // The head goes ahead of a body that takes its time: the answer may not wait for it.
    if (framing !== 'none') setImmediate(() => outgoing.destroyed || outgoing.flushHeaders())
    outgoing.on('error', fail)
    outgoing.on('close', () => fail(new Error('the connection was closed without an answer')))
    outgoing.on('information', () => asker.alive())
    // Nobody asked for another protocol; whatever comes next is not HTTP.
    outgoing.on('upgrade', (_, socket) => {
      socket.destroy()
      fail(new Error('the answer changes the protocol unasked'))
    })
    outgoing.on('response', (message) => {
      if (settled) return void message.destroy()
      try {
        const answer = answerOf(message, method)
        settled = true
        asker.answered(answer)
      } catch (error) {
        outgoing.destroy()
        fail(error as Error)
      }
    })
    return {
      body: outgoing,
      end: (trailers) => {
        if (framing === 'open' && Object.keys(trailers).length > 0)
          outgoing.addTrailers(trailers as Record<string, string>)
        outgoing.end()
      },
      destroy: () => outgoing.destroy(),
    }
  }
}

/** Whether a stream came over a connection from before. */
function isKept(socket: Duplex | null): boolean {
  return socket instanceof MuxStream && socket.isKept
}

/**
 * Reads the head of an answer. Throws where it could be framed in two ways, or has a status that is no
 * answer.
 */
function answerOf(message: IncomingMessage, method: string): Answer {
  const status = message.statusCode ?? 0
  if (!message.httpVersion.startsWith('1.')) throw new Error('the answer is not HTTP/1')
  if (status < 200 || status > 999) throw new Error(`the answer has the status ${status}`)
  return {
    status,
    headers: message.headers,
    framing: framingOf(message, status, method),
    body: message,
    trailers: () => message.trailers,
  }
}

function framingOf({ headers, httpVersion }: IncomingMessage, status: number, method: string): Framing {
  const { 'content-length': length, 'transfer-encoding': coding } = headers
  if (coding !== undefined) {
    if (length !== undefined) throw new Error('the answer has a length and a transfer coding')
    if (httpVersion !== '1.1' || coding.trim().toLowerCase() !== 'chunked')
      throw new Error('the answer has a transfer coding that is not known here')
  }
  if (length !== undefined && !/^\d{1,15}$/.test(length))
    throw new Error('the length of the answer is not a number')
  if (method === 'HEAD' || status === 204 || status === 304 || length === '0') return 'none'
  return length === undefined ? 'open' : Number(length)
}
