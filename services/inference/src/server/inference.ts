import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type ChargeJson, CloisterError } from '@cloister/core'
import type { Hex } from 'viem'
import { LEASE_HEADER, RECEIPT_HEADER, REQUEST_HEADER } from '../protocol/constants.ts'
import type { EndpointOptions } from '../protocol/options.ts'
import type { ReceiptDetails } from '../protocol/receipt.ts'
import { type Asked, readAsked } from './asked.ts'
import type { Cashier, Hold } from './cashier.ts'
import type { Engine } from './engine.ts'
import type { Once } from './once.ts'
import { errorEvent } from './problems.ts'
import type { Question, Sink } from './question.ts'
import type { Room, Share } from './room.ts'
import type { Store } from './store.ts'
import { idOf, StreamMeter } from './stream-meter.ts'
import type { Tally } from './tally.ts'
import type { Turns } from './turns.ts'
import { type Usage, usageOf } from './usage.ts'

/** Bytes of an answer that isn't a stream: its text and what it is parsed to are in memory beside it. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024
/** Bytes of a prompt that are one token at least: a low estimate for an engine that was broken off. */
const BYTES_PER_TOKEN = 8
/** Headers of a request that are the engine's business. */
const PASSED = ['content-type', 'accept', 'anthropic-version', 'anthropic-beta', 'openai-beta']

/** How long the engine may take, in milliseconds. */
interface Limits {
  /** For an answer as a whole. */
  answerMs: number
  /** Between two signs of life of a stream, once it began. */
  silenceMs: number
}

/** What answering takes. */
export interface InferenceParts {
  options: EndpointOptions
  self: { lease: Hex; manifestHash: Hex }
  engine: Engine
  turns: Turns
  store: Store
  cashier: Cashier
  tally: Tally
  /** Sealed requests that were answered. */
  once: Once
  /** Of answers that aren't streams, all together. */
  room: Room
  limits: Limits
  /** Digest of the evidence that the door serves now. */
  evidence: () => Hex
  /** A receipt waits for its signature. */
  written: () => void
}

/**
 * Answers one request: holds what it may cost, waits for a turn, asks the engine, passes on what it says and
 * writes the receipt before the end of the answer leaves. Throws before anything was sent; what fails later
 * ends the stream with an error of the API's.
 */
export async function infer(parts: InferenceParts, question: Question, sink: Sink): Promise<void> {
  const { options, turns, tally, limits } = parts
  if (!options.endpoints.includes(question.kind))
    throw new CloisterError('not-found', `${question.path} is not served here.`)
  const asked = readAsked(question.kind, question.body, options)
  turns.requireRoom()
  const hold = await parts.cashier.admit(question, asked.most)
  const overdue = new AbortController()
  const timer = setTimeout(
    () => overdue.abort(new CloisterError('unreachable', 'The model’s engine took too long.')),
    limits.answerMs,
  )
  const leave = () => overdue.abort(sink.signal.reason)
  sink.signal.addEventListener('abort', leave, { once: true })
  if (sink.signal.aborted) leave()
  let endTurn: (() => void) | undefined
  try {
    endTurn = await turns.take(overdue.signal)
    if (question.sealedHash !== null && !parts.once.take(question.sealedHash))
      throw new CloisterError('repeated', 'This very request was here before: somebody has kept it.')
    const answer = await parts.engine.ask(question.path, {
      method: 'POST',
      headers: engineHeaders(question),
      body: asked.body,
      signal: overdue.signal,
    })
    await new Answering(parts, question, asked, hold, sink, overdue.signal).pass(answer)
  } catch (error) {
    if (sink.signal.aborted) tally.left()
    throw error
  } finally {
    clearTimeout(timer)
    sink.signal.removeEventListener('abort', leave)
    endTurn?.()
    hold.release()
  }
}

function engineHeaders({ headers }: Question): Record<string, string> {
  const passed: Record<string, string> = { 'content-type': 'application/json' }
  for (const name of PASSED) {
    const value = headers[name]
    if (value !== undefined) passed[name] = value
  }
  return passed
}

/** One answer on its way from the engine to whoever asked. */
class Answering {
  private readonly parts: InferenceParts
  private readonly question: Question
  private readonly asked: Asked
  private readonly hold: Hold
  private readonly sink: Sink
  private readonly signal: AbortSignal
  private readonly id: string
  private readonly hash = createHash('sha256')
  private readonly askedAt = performance.now()
  private firstByteAt = 0

  constructor(
    parts: InferenceParts,
    question: Question,
    asked: Asked,
    hold: Hold,
    sink: Sink,
    signal: AbortSignal,
  ) {
    this.parts = parts
    this.question = question
    this.asked = asked
    this.hold = hold
    this.sink = sink
    this.signal = signal
    this.id = `rcpt_${parts.self.lease.slice(2, 10)}${randomBytes(12).toString('hex')}`
  }

  async pass(answer: IncomingMessage): Promise<void> {
    const status = answer.statusCode ?? 502
    const type = answer.headers['content-type'] ?? 'application/json'
    this.firstByteAt = Date.now()
    if (this.asked.isStream && type.startsWith('text/event-stream') && status < 300)
      return this.passStream(answer, status)
    const share = this.parts.room.open()
    try {
      if (status >= 300) await this.passRefusal(answer, status, type, share)
      else await this.passWhole(answer, status, type, share)
    } finally {
      share.close()
    }
  }

  /** What the engine says of a request that it doesn't take, as it says it: nothing is charged. */
  private async passRefusal(
    answer: IncomingMessage,
    status: number,
    type: string,
    share: Share,
  ): Promise<void> {
    const body = await wholeOf(answer, share)
    if (status < 400 || status === 401 || status === 403 || status >= 500 || !type.includes('json')) {
      // The engine's own trouble, or what it means for us: none of the client's business as it is.
      if (status === 503)
        throw new CloisterError('too-busy', 'The model’s engine is not ready.', {
          details: { retryAfterSeconds: 5 },
        })
      throw new CloisterError('bad-answer', `The model’s engine answered with status ${status}.`)
    }
    this.parts.tally.refused(status)
    this.sink.begin(status, {
      'content-type': type,
      'content-length': String(body.length),
      [REQUEST_HEADER]: this.question.requestId,
      [LEASE_HEADER]: this.parts.self.lease,
    })
    this.sink.finish(body)
    this.sink.end()
  }

  private async passWhole(
    answer: IncomingMessage,
    status: number,
    type: string,
    share: Share,
  ): Promise<void> {
    let body: Buffer
    try {
      body = await wholeOf(answer, share)
    } catch (cause) {
      // Whoever has left pays for what the engine began to read.
      if (this.sink.signal.aborted) {
        this.sink.finish(undefined)
        this.commit(status, 'cancelled', this.estimate(undefined, 0), undefined)
        return
      }
      if (cause instanceof CloisterError) throw cause
      throw this.signal.aborted
        ? this.signal.reason
        : new CloisterError('unreachable', 'The model’s engine broke off.', { cause })
    }
    const json = jsonOf(body)
    if (json === undefined) throw new CloisterError('bad-answer', 'The model’s engine answered with no JSON.')
    this.hash.update(body)
    const usage = usageOf(this.question.kind, json) ?? { input: 0, cached: 0, output: 0 }
    const headers = {
      ...this.headers(type),
      ...(this.question.sealedHash === null && { 'content-length': String(body.length) }),
    }
    if (this.question.sealedHash !== null) {
      // The head is a part of what is sealed and hashed; only a plain one can tell what was charged.
      this.sink.begin(status, headers)
      this.sink.finish(body)
      this.commit(status, 'complete', usage, idOf(body))
    } else {
      this.sink.finish(body)
      const charge = this.commit(status, 'complete', usage, idOf(body))
      this.sink.begin(status, { ...headers, ...this.hold.headers(charge) })
    }
    this.sink.end()
  }

  private async passStream(answer: IncomingMessage, status: number): Promise<void> {
    const { kind } = this.question
    const { limits, tally } = this.parts
    const meter = new StreamMeter(kind, this.asked.leavesUsageOut)
    this.sink.begin(status, {
      ...this.headers('text/event-stream; charset=utf-8'),
      'cache-control': 'no-cache',
    })
    let isFirst = true
    let isUnread = false
    answer.setTimeout(limits.silenceMs, () => {
      // Nothing comes where nothing is taken: whoever asked has stopped to read.
      isUnread = answer.isPaused()
      answer.destroy(new Error('nobody reads, or the engine fell silent'))
    })
    await pump(answer, this.sink, (chunk) => {
      const passing = meter.take(chunk)
      if (!passing) return true
      if (isFirst) {
        this.firstByteAt = Date.now()
        tally.firstByte(performance.now() - this.askedAt)
        isFirst = false
      }
      this.hash.update(passing)
      return this.sink.write(passing)
    }).catch(() => {
      // How the stream ended, the meter and the signal tell.
    })
    const hasLeft = this.sink.signal.aborted
    const outcome = meter.last && !meter.failed ? 'complete' : hasLeft || isUnread ? 'cancelled' : 'failed'
    const isLate = this.signal.aborted && !meter.failed
    const why = isUnread
      ? 'Nothing of the answer was read for too long.'
      : isLate
        ? 'The answer took longer than it may.'
        : 'The model’s engine broke off.'
    const isSaid = outcome === 'complete' || !hasLeft
    const end = isSaid ? (meter.last ?? (meter.failed ? undefined : errorEvent(kind, why))) : undefined
    if (end) this.hash.update(end)
    this.sink.finish(end)
    // Who asks for more than there is time for, or reads it too slowly, pays for what was said.
    const usage =
      outcome === 'complete'
        ? (meter.usage ?? { input: 0, cached: 0, output: meter.estimate })
        : outcome === 'cancelled' || isLate
          ? this.estimate(meter.usage, meter.estimate)
          : { input: 0, cached: 0, output: 0 }
    this.commit(status, outcome, usage, meter.id)
    this.sink.end()
  }

  /** Low estimates where the engine was broken off before it said what it used. */
  private estimate(said: Usage | undefined, output: number): Usage {
    const { body } = this.question
    const input = said?.input ?? Math.min(Math.floor(body.length / BYTES_PER_TOKEN), this.asked.most.input)
    return { input, cached: said?.cached ?? 0, output: Math.max(said?.output ?? 0, output) }
  }

  /** Writes the receipt down, before the answer's end is sent. */
  private commit(
    status: number,
    outcome: ReceiptDetails['outcome'],
    usage: Usage,
    answer: string | undefined,
  ): ChargeJson {
    const { parts, question, hold, sink } = this
    const { options, self } = parts
    const endedAt = Date.now()
    const request = createHash('sha256').update(question.body).digest('hex')
    const details: ReceiptDetails = {
      version: 1,
      id: this.id,
      lease: self.lease,
      manifestHash: self.manifestHash,
      model: options.model,
      weights: options.weights?.digest ?? null,
      endpoint: question.path,
      request: `0x${request}`,
      requestSealed: question.sealedHash,
      response: `0x${this.hash.digest('hex')}`,
      responseSealed: sink.sealedHash(),
      status,
      outcome,
      evidence: parts.evidence(),
      receivedAt: question.receivedAt,
      firstByteAt: this.firstByteAt,
      endedAt,
    }
    const { body } = this.asked
    const charge = parts.store.commit({
      details,
      answer,
      forwarded: body === question.body ? undefined : `0x${createHash('sha256').update(body).digest('hex')}`,
      charge: {
        offer: hold.offer,
        channel: hold.channel,
        input: String(usage.input),
        cached: String(usage.cached),
        output: String(usage.output),
        amount: String(hold.price(usage)),
      },
      request: hold.payer === '' ? undefined : requestName(question, hold.payer, request),
      delivered: outcome === 'complete' && !sink.signal.aborted,
    })
    hold.release()
    parts.tally.answered(outcome, usage, BigInt(charge.amount), performance.now() - this.askedAt)
    parts.written()
    return charge
  }

  private headers(type: string): Record<string, string> {
    return {
      'content-type': type,
      [RECEIPT_HEADER]: this.id,
      [REQUEST_HEADER]: this.question.requestId,
      [LEASE_HEADER]: this.parts.self.lease,
    }
  }
}

/**
 * A request's name, by which it is never billed twice: the client's own where it gave one; else a payer's
 * body names itself, as long as it wasn't answered.
 */
function requestName({ headers }: Question, payer: string, body: string) {
  const own = headers['idempotency-key']
  const name = createHash('sha256')
    .update(JSON.stringify([payer, own ?? null, body]))
    .digest('hex')
  const isAgain = Number(headers['x-stainless-retry-count'] ?? 0) > 0
  return { name, isNamed: own !== undefined, isAgain }
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

/** All of a body. Throws `bad-answer` for a longer one, `too-busy` where there is no room for it now. */
function wholeOf(source: IncomingMessage, share: Share): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    source.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > MAX_ANSWER_BYTES) {
        const most = `more than ${MAX_ANSWER_BYTES} bytes`
        reject(new CloisterError('bad-answer', `The model’s engine answered with ${most}.`))
      } else if (share.take(chunk.length)) return void chunks.push(chunk)
      else reject(new CloisterError('too-busy', 'There is no room for the answer now.'))
      source.destroy()
    })
    source.once('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)))
    source.once('error', reject)
    source.once('close', () => {
      if (!source.readableEnded) reject(new Error('the engine broke off'))
    })
  })
}

/** Gives each piece to `take` as it comes, and waits where that says false. Rejects where it breaks off. */
function pump(source: IncomingMessage, sink: Sink, take: (chunk: Buffer) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    source.on('data', (chunk: Buffer) => {
      try {
        if (take(chunk)) return
        source.pause()
        sink.drained(() => source.resume())
      } catch (error) {
        source.destroy()
        reject(error)
      }
    })
    source.once('end', resolve)
    source.once('error', reject)
    source.once('close', () => {
      if (!source.readableEnded) reject(new Error('the engine broke off'))
    })
  })
}
