import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { PassThrough } from 'node:stream'
import { EXEC_CHANNEL } from '@cloister/core'
import type { ExecSession } from '@cloister/executors'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { checkHandshake, upgradeToExec } from './exec.ts'

const HEADERS = {
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
}
/** A machine that is busy with other tests takes its time. */
const PATIENCE = { timeout: 20_000 }
let server: Server

beforeEach(() => {
  server = createServer()
})
afterEach(() => void server.close())

/** A session of a command that runs until it is killed. */
function endless(resize: ExecSession['resize'] = async () => {}) {
  const { promise: exit, resolve } = Promise.withResolvers<number>()
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const kill = vi.fn(() => {
    stdout.end()
    stderr.end()
    resolve(137)
  })
  return { stdin, stdout, stderr, exit, resize, kill }
}

/** Serves `session` to whoever asks, `begun` later. */
async function serve(session: ExecSession, begun: Promise<void> = Promise.resolve()): Promise<number> {
  const sockets = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    void begun.then(() => upgradeToExec(sockets, { request, socket, head }, session))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

/** Begins a handshake by hand. */
function ask(port: number, headers: Record<string, string>) {
  const lines = Object.entries({ host: 'worker', connection: 'Upgrade', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  socket.write(`GET /exec HTTP/1.1\r\n${lines.join('')}\r\n`)
  return socket
}

it('gives a session the last of many sizes, one at a time', async () => {
  let [atOnce, most] = [0, 0]
  const sizes: [number, number][] = []
  const session = endless(async (columns, rows) => {
    most = Math.max(most, ++atOnce)
    sizes.push([columns, rows])
    await new Promise(setImmediate)
    atOnce--
  })
  const client = new WebSocket(`ws://127.0.0.1:${await serve(session)}/exec`)
  await once(client, 'open')
  for (let columns = 1; columns <= 500; columns++) {
    const message = Buffer.from([EXEC_CHANNEL.resize, 0, 0, 0, 24])
    message.writeUInt16BE(columns, 1)
    client.send(message)
  }
  await vi.waitFor(() => expect(sizes.at(-1)).toEqual([500, 24]), PATIENCE)
  expect(most).toBe(1)
  expect(sizes.length).toBeLessThan(50)
  client.close()
  await vi.waitFor(() => expect(session.kill).toHaveBeenCalled(), PATIENCE)
})

it('ends a session whose client hung up before it began', async () => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const session = endless()
  const port = await serve(session, begun)
  const closed = new Promise<void>((resolve) =>
    server.once('upgrade', (_, socket) => socket.once('close', resolve)),
  )
  const asked = once(server, 'upgrade')
  const client = ask(port, HEADERS)
  const [, socket] = await asked
  // What is read tells of the end at once.
  socket.resume()
  client.resetAndDestroy()
  await closed
  begin()
  await vi.waitFor(() => expect(session.kill).toHaveBeenCalled(), PATIENCE)
})

it('ends a session whose handshake comes to nothing', async () => {
  const session = endless()
  const client = ask(await serve(session), { ...HEADERS, 'sec-websocket-protocol': ',' })
  expect(String((await once(client, 'data'))[0])).toContain('400')
  client.destroy()
  await vi.waitFor(() => expect(session.kill).toHaveBeenCalled(), PATIENCE)
})

it.each([
  ['no key', { 'sec-websocket-key': undefined }],
  ['a key that is none', { 'sec-websocket-key': 'short' }],
  ['another version', { 'sec-websocket-version': '12' }],
  ['no version', { 'sec-websocket-version': undefined }],
  ['another protocol', { upgrade: 'h2c' }],
])('refuses a handshake with %s', (_, headers) => {
  const request = (own: object) =>
    ({ method: 'GET', headers: { ...HEADERS, ...own } }) as unknown as IncomingMessage
  expect(() => checkHandshake(request({}))).not.toThrow()
  expect(() => checkHandshake(request(headers))).toThrow(expect.objectContaining({ code: 'bad-request' }))
})
