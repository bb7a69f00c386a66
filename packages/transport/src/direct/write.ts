import { STATUS_CODES } from 'node:http'
import { endToEndTrailers, HOP_BY_HOP } from '../headers.ts'
import { type AnswerHead, type Fields, indexOf, type RequestHead } from './head.ts'

/** Methods whose requests have a length although they have no body (RFC 9110, section 8.6). */
const EXPECTS_BODY = new Set(['POST', 'PUT', 'PATCH'])
/** Of fields that come once, Node keeps the first where they come twice; lists are joined. */
const SINGLE = new Set([
  'age',
  'authorization',
  'content-type',
  'etag',
  'expires',
  'from',
  'host',
  'last-modified',
  'location',
  'max-forwards',
  'referer',
  'retry-after',
  'server',
  'user-agent',
])

/** What is said in our own name. */
export interface Said {
  status: number
  headers: Record<string, string>
  body: string
}

/** The head of a request as it goes on, framed anew; `lines` are set in place of fields in `replaced`. */
export function requestText(head: RequestHead, replaced: ReadonlySet<string>, lines: string): string {
  const { method, path, fields, framing } = head
  let text = `${method} ${path} HTTP/1.1\r\n`
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string
    if (HOP_BY_HOP.has(name) || replaced.has(name)) continue
    text += `${name}: ${fields[at + 1]}\r\n`
  }
  text += lines
  if (framing === 'open') text += 'transfer-encoding: chunked\r\n'
  else if (framing !== 'none') text += `content-length: ${framing}\r\n`
  else if (EXPECTS_BODY.has(method)) text += 'content-length: 0\r\n'
  return `${text}\r\n`
}

/** The head of an answer as it goes on, framed anew, without fields in `removed`. */
export function answerText(
  { status, fields, framing }: AnswerHead,
  method: string,
  removed: ReadonlySet<string>,
  connection: string,
): string {
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`
  let length: string | undefined
  let hasDate = false
  const named = namedByConnection(fields)
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string
    const value = fields[at + 1] as string
    if (name === 'content-length') length = value
    if (HOP_BY_HOP.has(name) || removed.has(name) || named?.includes(name)) continue
    // Trailers need chunks.
    if (name === 'trailer' && framing !== 'open') continue
    if (SINGLE.has(name) && indexOf(fields, name) !== at) continue
    if (name === 'date') hasDate = true
    text += `${name}: ${value}\r\n`
  }
  if (!hasDate) text += `date: ${date()}\r\n`
  text += connection
  if (framing === 'open') text += 'transfer-encoding: chunked\r\n'
  else if (status === 204) return `${text}\r\n`
  else if (length !== undefined) text += `content-length: ${length}\r\n`
  else if (method !== 'HEAD' && status !== 304) text += 'content-length: 0\r\n'
  return `${text}\r\n`
}

/** An answer in our own name. `connection`: lines that say what becomes of the connection. */
export function saidText({ status, headers, body }: Said, method: string, connection: string): string {
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`
  for (const [name, value] of Object.entries(headers)) text += `${name}: ${value}\r\n`
  text += `date: ${date()}\r\n${connection}content-length: ${Buffer.byteLength(body)}\r\n\r\n`
  return method === 'HEAD' ? text : text + body
}

/** What comes after the last chunk: trailers, but none that belong into a head. */
export function lastChunk(trailers: Fields): string {
  if (trailers.length === 0) return '0\r\n\r\n'
  let text = '0\r\n'
  for (let at = 0; at < trailers.length; at += 2) {
    const [name = '', value = ''] = trailers.slice(at, at + 2)
    if (Object.keys(endToEndTrailers({ [name]: value })).length > 0) text += `${name}: ${value}\r\n`
  }
  return `${text}\r\n`
}

function namedByConnection(fields: Fields): string[] | undefined {
  let named: string[] | undefined
  for (let at = 0; at < fields.length; at += 2)
    if (fields[at] === 'connection' && !/^(keep-alive|close)$/i.test(fields[at + 1] as string))
      named = (named ?? []).concat(
        (fields[at + 1] as string)
          .toLowerCase()
          .split(',')
          .map((one) => one.trim()),
      )
  return named
}

let second = 0
let dated = ''
/** The time as a head has it (RFC 9110, section 5.6.7). */
function date(): string {
  const now = Math.floor(Date.now() / 1000)
  if (now !== second) {
    second = now
    dated = new Date(now * 1000).toUTCString()
  }
  return dated
}
