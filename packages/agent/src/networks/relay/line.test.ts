import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { packDatagrams, unpackDatagrams } from './batch.ts'
import { ByteRate } from './byte-rate.ts'
import { RelayLine } from './line.ts'

let server: Server
let sockets: WebSocketServer
const tunnels: Socket[] = []
const lines: RelayLine[] = []

beforeEach(async () => {
  server = createServer().listen(0, '127.0.0.1')
  sockets = new WebSocketServer({ server })
  await once(server, 'listening')
})
afterEach(() => {
  for (const line of lines.splice(0)) line.close()
  for (const tunnel of tunnels.splice(0)) tunnel.close()
  sockets.close()
  server.close()
})

/** A tunnel's UDP port, which keeps what comes. */
async function newTunnel(): Promise<{ socket: Socket; port: number; heard: string[] }> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  tunnels.push(socket)
  const heard: string[] = []
  socket.on('message', (datagram) => heard.push(datagram.toString()))
  return { socket, port: socket.address().port, heard }
}

/** A WebSocket and its other end. */
async function newPair(): Promise<[WebSocket, WebSocket]> {
  const there = once(sockets, 'connection')
  const here = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  await once(here, 'open')
  return [here, (await there)[0]]
}

async function join(idleMs?: number, bytesPerSecond = 1e9) {
  const [here, there] = await newPair()
  const [one, other] = [await newTunnel(), await newTunnel()]
  const rate = new ByteRate(bytesPerSecond)
  const idle = idleMs === undefined ? {} : { idleMs }
  const near = await RelayLine.open({ socket: here, port: one.port, rate, isOurs: true, ...idle })
  const far = await RelayLine.open({ socket: there, port: other.port, rate, isOurs: false, ...idle })
  lines.push(near, far)
  const send = (text: string) => one.socket.send(text, Number(near.endpoint.split(':')[1]), '127.0.0.1')
  return { near, far, one, other, send, there }
}

it('carries datagrams both ways, whole and in order', async () => {
  const { one, other, far, send } = await join()
  const sent = Array.from({ length: 50 }, (_, number) => `${number}`.padEnd(1_200, 'x'))
  for (const text of sent) send(text)
  await vi.waitFor(() => expect(other.heard).toEqual(sent))
  other.socket.send('back', Number(far.endpoint.split(':')[1]), '127.0.0.1')
  await vi.waitFor(() => expect(one.heard).toEqual(['back']))
})

it('takes nothing from other ports of the machine', async () => {
  const { near, other, send } = await join()
  const stranger = await newTunnel()
  stranger.socket.send('forged', Number(near.endpoint.split(':')[1]), '127.0.0.1')
  send('true')
  await vi.waitFor(() => expect(other.heard).toEqual(['true']))
})

it('tells the other end what it says, and hears no other words', async () => {
  const { near, far, there } = await join()
  const said: string[] = []
  near.onWord = (word) => said.push(word)
  there.send('shut down')
  far.say('try-direct')
  await vi.waitFor(() => expect(said).toEqual(['try-direct']))
})

it('is closed at both ends for a message that is malformed, and after a while without datagrams', async () => {
  const { near, far, there } = await join()
  there.send(Buffer.from([0, 9, 1]))
  await vi.waitFor(() => expect([near.isOpen, far.isOpen]).toEqual([false, false]))
  const quiet = await join(100)
  await vi.waitFor(() => expect([quiet.near.isOpen, quiet.far.isOpen]).toEqual([false, false]))
})

it('brings no more bytes in a second than it may', async () => {
  const { other, send } = await join(undefined, 40_000)
  const begun = performance.now()
  for (let number = 0; number < 40; number++) send('x'.repeat(1_000))
  await vi.waitFor(() => expect(other.heard.length).toBe(40), 5_000)
  const more = () => send('x'.repeat(1_000))
  more()
  await vi.waitFor(() => expect(other.heard.length).toBe(41), 5_000)
  // 40,000 bytes came, of which a quarter of a second's worth at once.
  expect(performance.now() - begun).toBeGreaterThan(600)
})

it('reads datagrams as they were packed, and nothing out of a message that is cut', () => {
  const datagrams = [Buffer.from('a'), Buffer.alloc(65_507, 1), Buffer.from('ccc')]
  const message = packDatagrams(datagrams)
  expect(unpackDatagrams(message)?.map((datagram) => datagram.toString('latin1'))).toEqual(
    datagrams.map((datagram) => datagram.toString('latin1')),
  )
  expect(unpackDatagrams(message.subarray(0, -1))).toBeUndefined()
  expect(unpackDatagrams(message.subarray(0, 4))).toBeUndefined()
  expect(unpackDatagrams(Buffer.from([0, 0]))).toBeUndefined()
  expect(unpackDatagrams(Buffer.alloc(0))).toEqual([])
})
