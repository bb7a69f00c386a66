import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Answer, Exchange, Head, Upstream } from './exchange.ts'
import { framingOf, type Incoming, methodOf, pathOf, Refusal, tooLarge } from './framing.ts'
import { endToEndTrailers, requestHeaders } from './headers.ts'
import { linger } from './linger.ts'
import { breakOff, type Outgoing, reply } from './reply.ts'
import { Silence } from './silence.ts'

/** Names a request across gateway, agent and service; made by whoever sees it first. */
export const CORRELATION = 'x-request-id'

/** Where a request goes and what is said on the way. */
export interface RelayOptions {
  upstream: Upstream
  /** Headers set over those of the request; undefined removes one. */
  headers: Record<string, string | undefined>
  /** Headers set over those of the answer; undefined removes one. */
  answerHeaders?: Record<string, string | undefined>
  /** Bytes a request's body may have. */
  maxBodyBytes: number
  /** The request's body where it was read before: then it may be sent more than once. */
  body?: Buffer | undefined
  silence: AllowedSilence
  /** May take an answer instead of the client; then nobody else reads it. */
  intercept?(answer: Answer): boolean
  /**
   * Is given how to leave the other side without an answer, and gives how to be rid of that. `leave` is true
   * where nothing of an answer has come, and the request may be sent twice, since it has no body and changes
   * nothing, or its body was read before: then it is over here, and may be answered otherwise.
   */
  watch?(leave: () => boolean): () => void
  /**
   * What is said in a body without a length that broke off, before its end; undefined to break it off.
   */
  lastWords?(): string | undefined
  /**
   * Answers in our own name: the request is refused, or the other side can't answer (502, 504). Nothing was
   * sent yet.
   */
  refuse(refusal: Refusal): void
}

/** Milliseconds during which nothing may move. What moves may take as long as it likes. */
export interface AllowedSilence {
  /** Of the client while its request is not whole, or while it does not read its answer. */
  clientMs: number
  /** Of the other side while it does not take the request's body. */
  sendMs: number
  /** Of the other side until its answer begins. */
  answerMs: number
  /**
   * Of the other side within its answer; any where there is none: an answer may be a stream of rare events.
   */
  streamMs?: number | undefined
}

/** Methods that change nothing (RFC 9110, section 9.2.1). */
export const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Relays one request and its answer, bodies streamed both ways with back-pressure. Both are taken apart and
 * framed anew: what goes on says by itself where it ends, for every method. A connection behind us on which
 * anything was left over is not used again.
 */
export function relayRequest(incoming: Incoming, response: Outgoing, options: RelayOptions): void {
  // Nobody hears of it again where the client has left: its end was told already.
  if ('stream' in response ? response.stream.destroyed : response.destroyed) return
  let head: Head
  try {
    head = headOf(incoming, options)
  } catch (error) {
    return options.refuse(
      error instanceof Refusal ? error : new Refusal(400, 'the request can not be read', { cause: error }),
    )
  }
  const { maxBodyBytes, silence: allowed, body: whole } = options
  const hasBody = whole === undefined && head.framing !== 'none'
  const isRepeatable = whole !== undefined || (!hasBody && SAFE.has(head.method))
  let exchange: Exchange | undefined
  let answerBody: Answer['body'] | undefined
  /** The whole request was passed on. */
  let sent = !hasBody
  let answered = false
  let over = false

  let unwatch: (() => void) | undefined

  const finish = () => {
    over = true
    silence.end()
    unwatch?.()
    incoming.unpipe?.()
    if (!sent) exchange?.destroy()
  }
  const fail = (refusal: Refusal) => {
    if (over) return
    finish()
    exchange?.destroy()
    const words = answerBody && response.headersSent ? options.lastWords?.() : undefined
    if (words !== undefined) {
      answerBody?.unpipe()
      // The types have two kinds of answers.
      ;(response as ServerResponse).end(words)
    } else if (response.headersSent) breakOff(response)
    else options.refuse(refusal)
    linger(incoming)
  }
  const silence = new Silence(() => {
    const clientWaits = answered ? !response.writableNeedDrain : sent || exchange?.body.writableNeedDrain
    fail(
      clientWaits
        ? new Refusal(504, 'nothing came from the other side in time')
        : new Refusal(408, 'nothing came from the client in time'),
    )
  })

  const answeredWith = (answer: Answer) => {
    if (over) return
    answered = true
    silence.allow(undefined)
    const end = () => {
      finish()
      linger(incoming)
    }
    answer.body.once('error', () => fail(new Refusal(502, 'the answer broke off')))
    if (options.intercept?.(answer)) {
      answer.body.resume()
      return end()
    }
    if (answer.framing === 'open') answerBody = answer.body
    const moved = () => silence.allow(response.writableNeedDrain ? allowed.clientMs : allowed.streamMs)
    try {
      reply(response, answer, options.answerHeaders ?? {}, moved, end)
      response.on('drain', moved)
      moved()
    } catch (error) {
      fail(new Refusal(502, 'the answer can not be passed on', { cause: error }))
    }
  }

  const attempt = (mayRepeat: boolean) => {
    try {
      exchange = options.upstream(head, {
        answered: answeredWith,
        // It says nothing of a client that is silent.
        alive: () => {
          if (sent || exchange?.body.writableNeedDrain) silence.heard()
        },
        // A kept connection may have been closed by the other side just now; what has no body and no effect
        // goes again.
        failed: (error, wasKept) => {
          if (over) return
          if (mayRepeat && wasKept && isRepeatable) attempt(false)
          else fail(new Refusal(502, 'the other side does not answer', { cause: error }))
        },
      })
    } catch (error) {
      return fail(new Refusal(400, 'the request can not be passed on', { cause: error }))
    }
    if (hasBody) return upload(exchange)
    silence.allow(allowed.answerMs)
    if (whole && whole.length > 0) exchange.body.write(whole)
    exchange.end({})
  }
  // A client that leaves early ends the request behind; one that has everything leaves the connection to be
  // used again.
  response.once('close', () => {
    if (over && (response.writableFinished || 'stream' in response)) return
    finish()
    exchange?.destroy()
  })
  unwatch = options.watch?.(() => {
    if (over || answered || !isRepeatable) return false
    finish()
    exchange?.destroy()
    return true
  })
  attempt(true)

  /** Passes the request's body on, as fast as it is taken. */
  function upload({ body, end, destroy }: Exchange): void {
    let seen = 0
    if (incoming.headers.expect !== undefined) response.writeContinue()
    const moved = () => {
      if (!answered && !over) silence.allow(body.writableNeedDrain ? allowed.sendMs : allowed.clientMs)
    }
    incoming.on('data', (chunk: Buffer) => {
      seen += chunk.length
      if (seen > maxBodyBytes && !over) fail(tooLarge(maxBodyBytes))
    })
    body.on('drain', moved)
    incoming.pipe(body, { end: false })
    // After the pipe: by then it is known whether the other side takes more.
    incoming.on('data', moved)
    incoming.once('end', () => {
      if (over) return
      sent = true
      if (typeof head.framing === 'number' && seen !== head.framing)
        return fail(new Refusal(400, 'the body has another length than it says'))
      if (!answered) silence.allow(allowed.answerMs)
      end(endToEndTrailers(incoming.trailers))
    })
    incoming.once('error', destroy)
    moved()
  }
}

/** The head of a request as it goes on. Throws a `Refusal`. */
function headOf(incoming: Incoming, { headers, maxBodyBytes, body }: RelayOptions): Head {
  const framing = body ? (body.length > 0 ? body.length : 'none') : framingOf(incoming)
  const head = {
    method: methodOf(incoming),
    path: pathOf(incoming),
    headers: requestHeaders(incoming.headers, headers),
    framing,
  }
  const { expect } = incoming.headers
  if (body === undefined && expect !== undefined && expect.toLowerCase() !== '100-continue')
    throw new Refusal(417, 'the expectation is not known here')
  if (typeof framing === 'number' && framing > maxBodyBytes) throw tooLarge(maxBodyBytes)
  return head
}

/**
 * Whether a request may change the protocol: to WebSocket, which begins with a GET without a body (RFC 6455,
 * section 4.1), and to no other.
 */
export function isWebSocketUpgrade({ method, headers }: IncomingMessage): boolean {
  const { upgrade, 'content-length': length, 'transfer-encoding': coding } = headers
  return (
    method === 'GET' && upgrade?.toLowerCase() === 'websocket' && length === undefined && coding === undefined
  )
}
