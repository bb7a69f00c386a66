import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { MuxConnection } from '../mux/connection.ts'
import { SERVER_OPTIONS, serveRequests, takeReader } from '../server.ts'
import { directFront } from './front.ts'

const MIB = 1024 * 1024
const MINUTE = 60_000
const silence = { clientMs: MINUTE, sendMs: MINUTE, answerMs: MINUTE }
const body = randomBytes(3 * MIB)

let service: Server
let front: Server
const closing: { close(): void }[] = []
const sockets = new Set<Socket>()

/** Client, front, streams over a connection, the other front, service: all over sockets of the system's. */
beforeAll(async () => {
  service = createServer((incoming, response) => {
    if (incoming.method === 'GET') {
      const [, framing, pieces] = (incoming.url as string).split('/')
      if (framing === 'length') response.setHeader('content-length', body.length)
      let at = 0
      const more = () => {
        while (at < body.length) {
          const size = pieces === 'small' ? 1 + ((at * 7) % 2_900) : 64 * 1024
          const piece = body.subarray(at, at + size)
          at += piece.length
          if (!response.write(piece)) return void response.once('drain', more)
        }
        response.end()
      }
      return more()
    }
    const hash = createHash('sha256')
    incoming.on('data', (piece) => {
      hash.update(piece)
      if (Math.random() < 0.02) {
        incoming.pause()
        setImmediate(() => incoming.resume())
      }
    })
    incoming.on('end', () => response.end(hash.digest('hex')))
  })
  const servicePort = await listen(service)
  const parts = { replaced: new Set<string>(), removed: new Set<string>(), tellsKeepAlive: true }
  const way = { target: 't', lines: '', maxBodyBytes: 100 * MIB, silence, refuse: refused }
  const inner = createServer(SERVER_OPTIONS)
  const readInner = directFront(inner, {
    ...parts,
    find: () => way,
    dial: async () => connected(servicePort),
    careful: takeReader(inner, 'connection'),
  })
  const worker = createTcpServer((socket) => {
    sockets.add(socket)
    new MuxConnection(socket, { idleMs: MINUTE, accept: readInner })
  })
  const between = new MuxConnection(await connected(await listen(worker)), { idleMs: MINUTE })
  front = createServer(SERVER_OPTIONS)
  const careful = takeReader(front, 'connection')
  serveRequests(front, (incoming, response) => {
    const hash = createHash('sha256')
    incoming.on('data', (piece: Buffer) => hash.update(piece))
    incoming.on('end', () => (response as ServerResponse).end(hash.digest('hex')))
  })
  front.on(
    'connection',
    directFront(front, { ...parts, find: () => way, dial: async () => between.open(), careful }),
  )
  front.on('connection', (socket) => sockets.add(socket))
  await listen(front)
  closing.push(service, inner, worker, front)
})

afterAll(() => {
  for (const socket of sockets) socket.destroy()
  for (const one of closing) one.close()
})

it.each(['length', 'chunks'].flatMap((framing) => ['large', 'small'].map((pieces) => [framing, pieces])))(
  'come whole that have %s and are sent in %s pieces, to readers that stop now and then',
  async (framing, pieces) => {
    const got = await Promise.all(Array.from({ length: 4 }, () => download(`/${framing}/${pieces}`)))
    expect(got.map((come) => come.equals(body))).toEqual(Array.from({ length: 4 }, () => true))
  },
)

it.each([true, false])('go up whole, with a length: %s', async (hasLength) => {
  const wanted = createHash('sha256').update(body).digest('hex')
  const said = await Promise.all(Array.from({ length: 4 }, () => upload(hasLength)))
  expect(said).toEqual(Array.from({ length: 4 }, () => wanted))
})

it('come one after the other where several were read at once, to the last of another shape', async () => {
  const bodies = [5_000, 20, 30_000, 7_000].map((size, index) =>
    body.subarray(index * 100, index * 100 + size),
  )
  const heads = bodies.map(
    ({ length }, index) =>
      `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${length}\r\n${index === 3 ? 'x: 1\r\nx: 2\r\n' : ''}\r\n`,
  )
  const socket = await connected(portOf(front))
  socket.write(Buffer.concat(bodies.flatMap((bytes, index) => [Buffer.from(heads[index] as string), bytes])))
  let text = ''
  socket.on('data', (piece) => (text += piece))
  const hashes = bodies.map((bytes) => createHash('sha256').update(bytes).digest('hex'))
  await expect.poll(() => text.match(/[0-9a-f]{64}/g)).toEqual(hashes)
})

async function download(path: string): Promise<Buffer> {
  const outgoing = request({ port: portOf(front), path }).end()
  const [answer] = await once(outgoing, 'response')
  const come: Buffer[] = []
  answer.on('data', (piece: Buffer) => {
    come.push(Buffer.from(piece))
    if (Math.random() > 0.05) return
    answer.pause()
    setTimeout(() => answer.resume(), 1)
  })
  await once(answer, 'end')
  return Buffer.concat(come)
}

async function upload(hasLength: boolean): Promise<string> {
  const outgoing = request({ port: portOf(front), method: 'POST', path: '/' })
  if (hasLength) outgoing.setHeader('content-length', body.length)
  for (let at = 0; at < body.length; ) {
    const size = Math.random() < 0.5 ? 1 + Math.floor(Math.random() * 2_000) : 64 * 1024
    if (!outgoing.write(body.subarray(at, at + size))) await once(outgoing, 'drain')
    at += size
  }
  outgoing.end()
  const [answer] = await once(outgoing, 'response')
  let text = ''
  for await (const piece of answer) text += piece
  return text
}

async function listen(server: { listen(port: number, host: string): unknown }): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server as Server, 'listening')
  return portOf(server as Server)
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  sockets.add(socket)
  await once(socket, 'connect')
  return socket
}

function refused({ status, message }: { status: number; message: string }) {
  return { status, headers: {}, body: message }
}
