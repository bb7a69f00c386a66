import { type IncomingMessage, METHODS } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'

/** Bytes that a head may have, a request's or an answer's. */
export const MAX_HEADER_BYTES = 32 * 1024

/** A request as it comes in, over HTTP/1.1 or HTTP/2. */
export type Incoming = IncomingMessage | Http2ServerRequest

/** How a body is framed: there is none, it has so many bytes, or it ends where the sender says so. */
export type Framing = 'none' | 'open' | number

/** Why a request is answered in our own name, and with which status. */
export class Refusal extends Error {
  readonly status: number
  /** Bytes a body may have, where that is why. */
  readonly limitBytes: number | undefined

  constructor(status: number, message: string, options: ErrorOptions & { limitBytes?: number } = {}) {
    super(message, options)
    this.status = status
    this.limitBytes = options.limitBytes
  }
}

/** The body is larger than `limitBytes`. */
export function tooLarge(limitBytes: number): Refusal {
  return new Refusal(413, `the body has more than ${limitBytes} bytes`, { limitBytes })
}

const KNOWN_METHODS = new Set(METHODS)
/** What another hop could read otherwise when it comes twice (RFC 9112, sections 3.2 and 6.3). */
const SINGLE = ['host', 'content-length', 'transfer-encoding', 'expect']

/**
 * How the body of a request is framed. Whatever two readers could take for two different things is refused
 * (RFC 9112, section 6.3), although the parser has let it pass. Throws a `Refusal`.
 */
export function framingOf(incoming: Incoming): Framing {
  const { 'content-length': length, 'transfer-encoding': coding } = incoming.headers
  if ('stream' in incoming) {
    if (coding !== undefined) throw new Refusal(400, 'HTTP/2 knows no transfer coding')
    if (incoming.stream.endAfterHeaders) return length === undefined ? 'none' : bytesOf(length)
    return length === undefined ? 'open' : bytesOf(length)
  }
  for (const name of SINGLE)
    if (timesIn(incoming.rawHeaders, name) > 1)
      throw new Refusal(400, `the request has several ${name} fields`)
  if (coding === undefined) return length === undefined ? 'none' : bytesOf(length)
  if (length !== undefined) throw new Refusal(400, 'the request has a length and a transfer coding')
  if (incoming.httpVersion !== '1.1') throw new Refusal(400, 'HTTP/1.0 knows no transfer coding')
  if (coding.trim().toLowerCase() !== 'chunked')
    throw new Refusal(501, 'the only transfer coding known here is chunked')
  return 'open'
}

/**
 * The method of a request. Throws a `Refusal` for CONNECT and for what the next hop's parser doesn't know.
 */
export function methodOf({ method = 'GET' }: Incoming): string {
  if (method === 'CONNECT') throw new Refusal(405, 'this is no proxy')
  if (!KNOWN_METHODS.has(method)) throw new Refusal(501, 'the method is not known here')
  return method
}

/**
 * The target of a request in origin form, `/path?query`, or `*` for OPTIONS. The absolute form is read where
 * it names the same host as the request (RFC 9112, section 3.2.2). Throws a `Refusal` for anything else.
 */
export function pathOf({ url = '', headers, method }: Incoming): string {
  if (url === '*' && method === 'OPTIONS') return url
  const host = String(headers[':authority'] ?? headers.host ?? '').toLowerCase()
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(url)
  const path =
    absolute && absolute[1]?.toLowerCase() === host
      ? absolute[2]?.startsWith('/')
        ? absolute[2]
        : `/${absolute[2]}`
      : url
  // Everything else Node's own client would refuse as well, but by throwing.
  if (!/^\/[\x21\x22\x24-\xff]*$/.test(path)) throw new Refusal(400, 'the target is not a path of this host')
  return path
}

function bytesOf(length: string): number {
  if (!/^\d{1,15}$/.test(length)) throw new Refusal(400, 'the length is not a number')
  return Number(length)
}

/** How often a header is among raw ones, which are names and values in turn. */
function timesIn(raw: string[], name: string): number {
  let times = 0
  for (let at = 0; at < raw.length; at += 2) {
    const found = raw[at]
    if (found?.length === name.length && found.toLowerCase() === name) times++
  }
  return times
}
