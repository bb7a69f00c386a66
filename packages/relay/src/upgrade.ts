import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { endToEndHeaders } from './headers.ts'
import { begin, type RelayOptions } from './request.ts'

/** Relays a protocol upgrade (WebSocket and the like) and then bytes both ways until either side ends. */
export function relayUpgrade(
  incoming: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  options: Pick<RelayOptions, 'agent' | 'target' | 'headers' | 'timeoutMs'>,
): void {
  const outgoing = begin(incoming, options, { connection: 'Upgrade', upgrade: incoming.headers.upgrade ?? 'websocket' })
  const timer = setTimeout(() => outgoing.destroy(new Error('no answer in time')), options.timeoutMs)
  socket.on('error', () => outgoing.destroy())
  socket.once('close', () => outgoing.destroy())
  outgoing.once('error', () => {
    clearTimeout(timer)
    if (socket.writable) socket.end(headOf(502, { 'content-length': '0', connection: 'close' }))
  })
  outgoing.once('response', (answer) => {
    clearTimeout(timer)
    socket.write(headOf(answer.statusCode ?? 502, { ...endToEndHeaders(answer.headers), connection: 'close' }))
    answer.pipe(socket)
  })
  outgoing.once('upgrade', (answer, upstream, first) => {
    clearTimeout(timer)
    socket.write(headOf(101, { ...endToEndHeaders(answer.headers), connection: 'Upgrade', upgrade: answer.headers.upgrade ?? 'websocket' }))
    if (first.length > 0) socket.write(first)
    if (head.length > 0) upstream.write(head)
    upstream.on('error', () => socket.destroy())
    upstream.once('close', () => socket.destroy())
    socket.once('close', () => upstream.destroy())
    socket.pipe(upstream).pipe(socket)
  })
  outgoing.end()
}

function headOf(status: number, headers: Record<string, unknown>): string {
  const lines = Object.entries(headers).flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((item) => `${name}: ${String(item)}`))
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('\r\n')}\r\n\r\n`
}
