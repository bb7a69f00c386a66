import { type IncomingMessage, type OutgoingHttpHeaders, request, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { timerMs } from '@cloister/core'
import type { DialAgent, Target } from './dial.ts'
import { MAX_HEADER_BYTES, pathOf, Refusal } from './framing.ts'
import { endToEndHeaders, requestHeaders } from './headers.ts'

/** Milliseconds between two signs of life that a silent connection is asked for. */
const KEEPALIVE_MS = 30_000

/** Where an upgrade goes and what is said on the way. */
export interface UpgradeOptions {
  agent: DialAgent
  target: Target
  /** Headers set over those of the request; undefined removes one. */
  headers: Record<string, string | undefined>
  /** Milliseconds until the answer has to begin. */
  answerMs: number
  /** Answers in our own name. */
  refuse(refusal: Refusal, response: ServerResponse): void
}

/**
 * Relays an upgrade to WebSocket and then bytes both ways until either side ends. Neither connection is used
 * for anything after it, also where the other side refuses.
 */
export function relayUpgrade(
  incoming: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  options: UpgradeOptions,
): void {
  // Who hung up before tells us no more.
  if (socket.destroyed) return
  const { agent, target, answerMs } = options
  const response = answerOn(incoming, socket)
  const refuse = (refusal: Refusal) => {
    if (!response.headersSent && socket.writable) options.refuse(refusal, response)
    else socket.destroy()
  }
  let outgoing: ReturnType<typeof request>
  try {
    const headers = {
      ...requestHeaders(incoming.headers, options.headers),
      connection: 'Upgrade',
      upgrade: 'websocket',
    }
    // `target` is not Node's: it reaches our agent with the other options.
    const wanted = {
      agent,
      target,
      path: pathOf(incoming),
      headers,
      setHost: false,
      maxHeaderSize: MAX_HEADER_BYTES,
    }
    outgoing = request(wanted)
  } catch (error) {
    return refuse(
      error instanceof Refusal
        ? error
        : new Refusal(400, 'the request can not be passed on', { cause: error }),
    )
  }
  const timer = setTimeout(() => {
    refuse(new Refusal(504, 'nothing came from the other side in time'))
    outgoing.destroy()
  }, timerMs(answerMs))
  socket.on('error', () => outgoing.destroy())
  socket.once('close', () => outgoing.destroy())
  outgoing.on('error', (cause) => refuse(new Refusal(502, 'the other side does not answer', { cause })))
  outgoing.once('close', () => clearTimeout(timer))
  outgoing.once('response', (answer) => {
    clearTimeout(timer)
    const status = answer.statusCode ?? 0
    if (status < 200 || status > 999) return refuse(new Refusal(502, `the answer has the status ${status}`))
    response.writeHead(status, endToEndHeaders(answer.headers))
    answer.pipe(response)
    answer.once('error', () => socket.destroy())
  })
  outgoing.once('upgrade', (answer, upstream, first) => {
    clearTimeout(timer)
    if (!socket.writable) return void upstream.destroy()
    for (const side of [socket, upstream]) (side as Partial<Socket>).setKeepAlive?.(true, KEEPALIVE_MS)
    response.detachSocket(socket as Socket)
    socket.write(switchingHead(endToEndHeaders(answer.headers)), 'latin1')
    if (first.length > 0) socket.write(first)
    if (head.length > 0) upstream.write(head)
    upstream.on('error', () => socket.destroy())
    upstream.once('close', () => socket.destroy())
    socket.once('close', () => upstream.destroy())
    socket.pipe(upstream).pipe(socket)
  })
  outgoing.end()
}

/** A response on a connection that Node has left to us, which it closes. */
export function answerOn(incoming: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(incoming)
  response.shouldKeepAlive = false
  response.assignSocket(socket as Socket)
  response.on('finish', () => socket.end())
  socket.on('drain', () => response.emit('drain'))
  return response
}

function switchingHead(headers: OutgoingHttpHeaders): string {
  const all = { ...headers, connection: 'Upgrade', upgrade: 'websocket' }
  const lines = Object.entries(all).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((item) => `${name}: ${String(item)}`),
  )
  return `HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`
}
