import type { EndpointKind } from '../protocol/options.ts'
import { laterUsage, type Usage, usageOf } from './usage.ts'

/** Bytes that an event of a stream may have. */
const MAX_EVENT_BYTES = 4 * 1024 * 1024
const LF2 = Buffer.from('\n\n')
const CRLF2 = Buffer.from('\r\n\r\n')
const USAGE = Buffer.from('"usage"')
const ERROR = Buffer.from('"error"')
/** What an API's last event has in it. */
const LAST: Record<EndpointKind, Buffer[]> = {
  chat: [Buffer.from('[DONE]')],
  completions: [Buffer.from('[DONE]')],
  embeddings: [Buffer.from('[DONE]')],
  messages: [Buffer.from('message_stop')],
  responses: ['completed', 'incomplete', 'failed'].map((end) => Buffer.from(`response.${end}`)),
}
/** Events without text that an answer has at least, by API: what an estimate leaves out. */
const SILENT_EVENTS: Record<EndpointKind, number> = {
  chat: 1,
  completions: 0,
  embeddings: 0,
  messages: 4,
  responses: 6,
}

/**
 * Reads an engine's event stream (server-sent events) as it passes: usage, the answer's id and the end. Whole
 * events pass as the bytes they are; only what may say one of these is parsed.
 */
export class StreamMeter {
  usage: Usage | undefined
  /** The id that the API gives the answer: `chatcmpl-…`. */
  id: string | undefined
  /** The engine said that it failed. */
  failed = false
  /** The last event, which is held back until the answer is accounted for; undefined before it came. */
  last: Buffer | undefined
  private readonly kind: EndpointKind
  private readonly leavesUsageOut: boolean
  private rest: Buffer | undefined
  private events = 0

  /** `leavesUsageOut`: whoever asks didn't want the chunk with the usage that the engine was asked for. */
  constructor(kind: EndpointKind, leavesUsageOut: boolean) {
    this.kind = kind
    this.leavesUsageOut = leavesUsageOut
  }

  /** What of the stream can go on now, if anything. Throws `RangeError` for an event without end. */
  take(chunk: Buffer): Buffer | undefined {
    const data = this.rest ? Buffer.concat([this.rest, chunk]) : chunk
    const end = lastBoundary(data)
    if (end < data.length) {
      if (data.length - end > MAX_EVENT_BYTES) throw new RangeError('an event of the engine’s is too long')
      this.rest = data.subarray(end)
    } else this.rest = undefined
    if (end === 0 || this.last) return undefined
    const whole = data.subarray(0, end)
    if (this.id === undefined) this.id = idOf(whole)
    const isPlain =
      !whole.includes(USAGE) &&
      !whole.includes(ERROR) &&
      !LAST[this.kind].some((marker) => whole.includes(marker))
    if (isPlain) {
      this.countEvents(whole)
      return whole
    }
    return this.takeApart(whole)
  }

  /** Tokens that were produced at least, where the engine broke off before it said how many. */
  get estimate(): number {
    return Math.max(0, this.events - SILENT_EVENTS[this.kind])
  }

  private takeApart(whole: Buffer): Buffer | undefined {
    const passing: Buffer[] = []
    for (let at = 0; at < whole.length && !this.last; ) {
      const end = firstBoundary(whole, at)
      const event = whole.subarray(at, end)
      at = end
      const { isLast, isUsage } = this.read(event.toString('utf8'))
      if (isLast) this.last = event
      else if (!(isUsage && this.leavesUsageOut)) {
        passing.push(event)
        this.events++
      }
    }
    if (passing.length === 0) return undefined
    return passing.length === 1 ? passing[0] : Buffer.concat(passing)
  }

  private read(event: string): { isLast: boolean; isUsage: boolean } {
    const data = event
      .split(/\r?\n/)
      .filter((line) => line.startsWith('data:'))
      .map((line) => line.slice(line[5] === ' ' ? 6 : 5))
      .join('\n')
    if (data === '[DONE]') return { isLast: true, isUsage: false }
    let json: Record<string, unknown>
    try {
      json = JSON.parse(data)
    } catch {
      return { isLast: false, isUsage: false }
    }
    if (typeof json !== 'object' || json === null) return { isLast: false, isUsage: false }
    const usage = usageOf(this.kind, json)
    if (usage) this.usage = laterUsage(this.usage, usage)
    const { type } = json
    if (('error' in json && json['error'] !== null) || type === 'error') this.failed = true
    if (type === 'response.failed') this.failed = true
    const isLast =
      this.kind === 'messages'
        ? type === 'message_stop'
        : this.kind === 'responses' &&
          (type === 'response.completed' || type === 'response.incomplete' || type === 'response.failed')
    const { choices } = json
    return { isLast, isUsage: usage !== undefined && Array.isArray(choices) && choices.length === 0 }
  }

  private countEvents(whole: Buffer): void {
    for (let at = 0; at < whole.length; at = firstBoundary(whole, at)) this.events++
  }
}

/** Where the last whole event ends; 0 where none does. */
function lastBoundary(data: Buffer): number {
  const lf = data.lastIndexOf(LF2)
  const crlf = data.lastIndexOf(CRLF2)
  return Math.max(lf < 0 ? 0 : lf + LF2.length, crlf < 0 ? 0 : crlf + CRLF2.length)
}

/** Where the event that begins at `from` ends. */
function firstBoundary(data: Buffer, from: number): number {
  const lf = data.indexOf(LF2, from)
  const crlf = data.indexOf(CRLF2, from)
  if (lf < 0 && crlf < 0) return data.length
  return crlf < 0 || (lf >= 0 && lf < crlf) ? lf + LF2.length : crlf + CRLF2.length
}

const ID = /"id"\s*:\s*"([\x20\x21\x23-\x5b\x5d-\x7e]{1,128})"/

/** The first id in an answer's beginning. */
export function idOf(bytes: Buffer): string | undefined {
  return ID.exec(bytes.toString('latin1', 0, 1_024))?.[1]
}
