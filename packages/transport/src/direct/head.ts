import { type Framing, MAX_HEADER_BYTES } from '../framing.ts'
import { readName } from './name.ts'

/**
 * Heads of HTTP/1.1 read by hand: of requests only the common shape, of answers every shape that Node's
 * parser takes and an answer may have. Both are at least as strict as Node's parser and `framing.ts`.
 */

/** A head's fields: names in lower case and values in turn. */
export type Fields = string[]

/** A request of the common shape. */
export interface RequestHead {
  method: string
  path: string
  host: string
  fields: Fields
  framing: Framing
  /** The client wants its connection closed after the answer. */
  closes: boolean
}

/** The head of an answer, not one of 1xx. */
export interface AnswerHead {
  status: number
  fields: Fields
  /** The body; `open` for chunks or, without them, until the connection ends. */
  framing: Framing
  isChunked: boolean
  /** The connection can be used again after the body. */
  isKept: boolean
}

/** What comes between heads and bodies. */
export const HEAD_END = Buffer.from('\r\n\r\n')

const REQUEST_LINE = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (\/[\x21\x22\x24-\x7e]*) HTTP\/1\.1$/
const STATUS_LINE = /^HTTP\/1\.([01]) (\d{3})(?: [\t\x20-\x7e\x80-\xff]*)?$/
/** Whatever is in no field (RFC 9110, section 5.5), with lone carriage returns and line feeds. */
export const FORBIDDEN = /[^\t\r\n\x20-\x7e\x80-\xff]|\r(?!\n)|(?<!\r)\n/
const LINE_END = '\r\n'
const LENGTH = /^\d{1,15}$/
/** Requests with more fields are read with more care. */
const MAX_FIELDS = 199

/** A request with one of these, or with a name that looks like another (`_`), is read with more care. */
const CAREFUL = new Set([
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
])

/**
 * Reads the head of a request, without the empty line after it. Undefined for whatever is not of the common
 * shape, also where it is wrong: Node's parser sees to it.
 */
export function readRequestHead(text: string): RequestHead | undefined {
  if (text.length > MAX_HEADER_BYTES || FORBIDDEN.test(text)) return undefined
  const end = firstLineEnd(text)
  const line = REQUEST_LINE.exec(text.slice(0, end))
  if (!line) return undefined
  const head: RequestHead = {
    method: line[1] as string,
    path: line[2] as string,
    host: '',
    fields: [],
    framing: 'none',
    closes: false,
  }
  const { fields } = head
  if (!readFields(text, end + LINE_END.length, fields) || fields.length > 2 * MAX_FIELDS) return undefined
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string
    const value = fields[at + 1] as string
    // Twice the same name: how the two go together depends on which it is.
    if (indexOf(fields, name) !== at || name.includes('_') || CAREFUL.has(name)) return undefined
    if (name === 'host') head.host = value
    else if (name === 'content-length') {
      if (head.framing !== 'none' || !LENGTH.test(value)) return undefined
      head.framing = Number(value)
    } else if (name === 'transfer-encoding') {
      if (head.framing !== 'none' || value !== 'chunked') return undefined
      head.framing = 'open'
    } else if (name === 'connection') {
      if (!/^(keep-alive|close)$/i.test(value)) return undefined
      head.closes = value.length === 'close'.length
    }
  }
  return head.host === '' ? undefined : head
}

/**
 * Reads the head of an answer to a request by `method`, without the empty line after it. `interim` for one
 * of 1xx. Throws where it could be framed in two ways or is no answer.
 */
export function readAnswerHead(text: string, method: string): AnswerHead | 'interim' {
  if (FORBIDDEN.test(text)) throw new Error('the answer has bytes that no head has')
  const end = firstLineEnd(text)
  const line = STATUS_LINE.exec(text.slice(0, end))
  if (!line) throw new Error('the answer is not HTTP/1')
  const status = Number(line[2])
  const is11 = line[1] === '1'
  const fields: Fields = []
  if (!readFields(text, end + LINE_END.length, fields))
    throw new Error('the answer has a line that is no field')
  if (status >= 102 && status < 200) return 'interim'
  if (status === 100) return 'interim'
  if (status < 200) throw new Error(`the answer has the status ${status}`)
  let length: string | undefined
  let coding: string | undefined
  let isKept = is11
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at]
    const value = fields[at + 1] as string
    if (name === 'content-length') {
      if (length !== undefined || !LENGTH.test(value))
        throw new Error('the length of the answer is no number')
      length = value
    } else if (name === 'transfer-encoding') {
      if (coding !== undefined) throw new Error('the answer has several transfer codings')
      coding = value
    } else if (name === 'connection' && (/close|upgrade/i.test(value) || !is11)) isKept = false
  }
  if (coding !== undefined) {
    if (length !== undefined) throw new Error('the answer has a length and a transfer coding')
    if (!is11 || coding.toLowerCase() !== 'chunked')
      throw new Error('the answer has a transfer coding that is not known here')
  }
  const isEmpty = method === 'HEAD' || status === 204 || status === 304 || length === '0'
  const framing = isEmpty ? 'none' : length === undefined ? 'open' : Number(length)
  const isChunked = coding !== undefined
  return {
    status,
    fields,
    framing,
    isChunked,
    isKept: isKept && (framing !== 'open' || isChunked),
  }
}

function firstLineEnd(text: string): number {
  const end = text.indexOf(LINE_END)
  return end < 0 ? text.length : end
}

/** Reads lines `name: value` from a place on; false where one isn't. */
export function readFields(text: string, from: number, fields: Fields): boolean {
  let at = from
  while (at < text.length) {
    const found = text.indexOf(LINE_END, at)
    const end = found < 0 ? text.length : found
    const colon = text.indexOf(':', at)
    if (colon <= at || colon > end) return false
    const name = readName(text.slice(at, colon))
    if (name === undefined) return false
    fields.push(name, trimmed(text, colon + 1, end))
    at = end + LINE_END.length
  }
  // At the very end of the text an empty line begins.
  return at !== text.length
}

/** Where a name is first among fields; -1 where it isn't. */
export function indexOf(fields: Fields, name: string): number {
  for (let at = 0; at < fields.length; at += 2) if (fields[at] === name) return at
  return -1
}

/** The value of a field; undefined where there is none. */
export function fieldOf(fields: Fields, name: string): string | undefined {
  const at = indexOf(fields, name)
  return at < 0 ? undefined : fields[at + 1]
}

/** A value without the spaces and tabs around it. */
function trimmed(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9
}
