import { createServer } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import {
  ChannelCredentials,
  Client,
  Server as GrpcServer,
  Metadata,
  ServerCredentials,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DoorsStage, exchange, raiseDoors } from './doors.ts'

/** Silence that is allowed in these tests. */
const SILENCE_MS = 1_000
const LIMIT = 1024 * 1024

/** A service that counts what is sent to it, and takes its time where the path says so. */
const sink = createServer((request, response) => {
  if (request.url === '/silent') return void request.resume()
  if (request.url === '/drip') {
    let left = 6
    const timer = setInterval(() => {
      response.write('x')
      if (--left > 0) return
      clearInterval(timer)
      response.end()
    }, SILENCE_MS / 2)
    return
  }
  if (request.url === '/stall') return void response.write('beginning')
  if (request.url === '/endless') {
    const piece = Buffer.alloc(64 * 1024)
    const more = () => {
      do sent += piece.length
      while (!response.destroyed && response.write(piece))
    }
    endless++
    response.on('drain', more)
    response.on('close', () => endless--)
    return more()
  }
  if (request.url === '/never-reads') return
  if (request.url === '/waits') return void setTimeout(() => response.end('at last'), SILENCE_MS * 2)
  let count = 0
  request.on('data', (chunk) => (count += chunk.length))
  request.on('end', () => response.end(String(count)))
})
/** Bytes that the endless answers have written so far. */
let sent = 0
/** Endless answers under way. */
let endless = 0
const service = (socket: Socket) => void sink.emit('connection', socket)

describe('what is passed on', () => {
  let stage: DoorsStage
  beforeAll(async () => {
    stage = await raiseDoors(
      [
        { name: 'sink', service },
        { name: 'small', service, http: { maxBodyBytes: 1000 } },
        { name: 'patient', service, http: { readTimeoutMs: SILENCE_MS * 20 } },
        { name: 'strict', service, http: { readTimeoutMs: SILENCE_MS / 3 } },
        { name: 'failing', service, state: { state: 'failing', detail: 'ended with code 1' } },
        { name: 'starting', service, state: { state: 'starting' } },
      ],
      { silenceMs: SILENCE_MS, maxBodyBytes: LIMIT },
    )
  })
  afterAll(() => stage.end())
  const head = (line: string, headers = '', name = 'sink') =>
    `${line} HTTP/1.1\r\nHost: ${stage.hostOf(name)}\r\nConnection: close\r\n${headers}\r\n`
  const post = (name: string, headers: string, opened: (socket: Socket) => void) =>
    exchange(stage.gatewayPort, head('POST /', headers, name), { opened })
  /** Sends `pieces` of 1,000 bytes with pauses between them. */
  const steadily =
    (pieces: number, pauseMs: number, frame = (piece: string) => piece, end = '') =>
    async (socket: Socket) => {
      for (let i = 0; i < pieces && !socket.destroyed; i++) {
        await delay(pauseMs)
        socket.write(frame('x'.repeat(1000)))
      }
      socket.write(end)
    }
  const inChunks = (piece: string) => `${piece.length.toString(16)}\r\n${piece}\r\n`

  it('is not cut while it moves, however long it takes', async () => {
    const length = await post('sink', 'Content-Length: 10000\r\n', steadily(10, SILENCE_MS / 3))
    expect(length).toMatch(/^HTTP\/1\.1 200 .*\r\n\r\n10000$/s)
    const chunked = await post(
      'sink',
      'Transfer-Encoding: chunked\r\n',
      steadily(10, SILENCE_MS / 3, inChunks, '0\r\n\r\n'),
    )
    expect(chunked).toMatch(/^HTTP\/1\.1 200 .*\r\n\r\n10000$/s)
    expect(await exchange(stage.gatewayPort, head('GET /drip'))).toMatch(/^HTTP\/1\.1 200 .*\r\n0\r\n\r\n$/s)
  })

  it('is given up when nothing moves: by the client, by the service', async () => {
    expect(await post('sink', 'Content-Length: 10000\r\n', steadily(2, 10))).toMatch(/^HTTP\/1\.1 408 /)
    expect(await exchange(stage.gatewayPort, head('GET /silent'))).toMatch(/^HTTP\/1\.1 504 /)
  })

  it('is refused at once, with the limit, where a body is too large', async () => {
    const began = performance.now()
    const announced = await post('sink', `Content-Length: ${LIMIT + 1}\r\n`, () => {})
    expect(announced).toMatch(/^HTTP\/1\.1 413 .*at most 1 MiB here/s)
    const asked = await post('sink', `Content-Length: ${LIMIT + 1}\r\nExpect: 100-continue\r\n`, () => {})
    expect(asked).toMatch(/^HTTP\/1\.1 413 .*at most 1 MiB here/s)
    const chunked = await post('sink', 'Transfer-Encoding: chunked\r\n', (socket) => {
      for (let i = 0; i < 3; i++) socket.write(inChunks('x'.repeat(LIMIT / 2)))
    })
    expect(chunked).toMatch(/^HTTP\/1\.1 413 .*at most 1 MiB here/s)
    // The last of these connections lingers for its rest; nothing else waits.
    expect(performance.now() - began).toBeLessThan(8_000)
    const own = await post('small', 'Content-Length: 1001\r\n', () => {})
    expect(own).toMatch(/^HTTP\/1\.1 413 .*at most 1000 bytes here/s)
    expect(await post('small', 'Content-Length: 1000\r\n', steadily(1, 0))).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('waits for a service as its manifest says, whatever others wait', async () => {
    expect(await exchange(stage.gatewayPort, head('GET /waits', '', 'strict'))).toMatch(/^HTTP\/1\.1 504 /)
    expect(await exchange(stage.gatewayPort, head('GET /waits', '', 'patient'))).toMatch(/at last$/)
    expect(await exchange(stage.gatewayPort, head('GET /waits'))).toMatch(/^HTTP\/1\.1 504 /)
    // Also within an answer.
    expect(await exchange(stage.gatewayPort, head('GET /stall', '', 'strict'))).not.toMatch(/0\r\n\r\n$/)
    // That a service may be silent doesn't mean that a client may.
    expect(await post('patient', 'Content-Length: 10000\r\n', steadily(2, 10))).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('is given up where a service takes nothing of it for as long as its manifest says', async () => {
    const large = await raiseDoors([{ name: 'slow-taker', service, http: { sendTimeoutMs: SILENCE_MS / 3 } }])
    try {
      const lines = `POST /never-reads HTTP/1.1\r\nHost: ${large.hostOf('slow-taker')}\r\nContent-Length: 64000000\r\n\r\n`
      const answer = await exchange(large.gatewayPort, lines, {
        opened: (socket) => void socket.write(Buffer.alloc(60_000_000)),
      })
      expect(answer).toMatch(/^HTTP\/1\.1 504 /)
    } finally {
      await large.end()
    }
  })

  it('says that a service fails, and how, instead of that it starts', async () => {
    const page = await exchange(stage.gatewayPort, head('GET /', 'Accept: text/html\r\n', 'failing'))
    expect(page).toMatch(/^HTTP\/1\.1 503 .*<h1>Failing<\/h1>.*it ended with code 1\./s)
    expect(await exchange(stage.gatewayPort, head('GET /', '', 'starting'))).toMatch(
      /^HTTP\/1\.1 503 .*"title":"Starting"/s,
    )
  })

  it('waits in the service, not in memory, for readers that do not read; and they are given up', async () => {
    sent = 0
    const readers = Array.from({ length: 20 }, () => {
      const socket = connect(stage.gatewayPort, '127.0.0.1')
      socket.on('error', () => {})
      socket.pause()
      socket.write(head('GET /endless'))
      return socket
    })
    const ended = Promise.all(readers.map((socket) => new Promise((done) => socket.once('close', done))))
    await expect.poll(() => sent / readers.length, { timeout: 30_000 }).toBeGreaterThan(64 * 1024)
    // The gateway gives them up, and so does the service behind it.
    await expect.poll(() => endless, { timeout: 30_000 }).toBe(0)
    for (const socket of readers) socket.resume()
    await ended
    // The kernel's buffers of four connections, and less than 1 MiB of ours.
    expect(sent / readers.length).toBeLessThan(24 * 1024 * 1024)
  })
})

describe('gRPC by name', () => {
  const definition = {
    echo: method('/test.Echo/Echo', false, false),
    count: method('/test.Echo/Count', false, true),
    chat: method('/test.Echo/Chat', true, true),
    fail: method('/test.Echo/Fail', false, false),
  } satisfies ServiceDefinition
  const grpc = new GrpcServer()
  let stage: DoorsStage
  let client: Client

  beforeAll(async () => {
    grpc.addService(definition, {
      echo: (
        call: { request: Buffer; metadata: Metadata },
        done: (error: null, answer: Buffer, trailers: Metadata) => void,
      ) => {
        const trailers = new Metadata()
        trailers.set('x-after', String(call.metadata.get('x-before')[0]))
        done(null, call.request, trailers)
      },
      count: async (call: { write(piece: Buffer): void; end(): void }) => {
        for (let i = 0; i < 3; i++) {
          call.write(Buffer.from(String(i)))
          await delay(50)
        }
        call.end()
      },
      chat: (call: {
        on(event: string, listener: (piece: Buffer) => void): void
        write(piece: Buffer): void
        end(): void
      }) => {
        call.on('data', (piece) => call.write(Buffer.from(`${piece}!`)))
        call.on('end', () => call.end())
      },
      fail: (_: unknown, done: (error: { code: number; details: string }) => void) =>
        done({ code: status.NOT_FOUND, details: 'there is none' }),
    })
    const port = await new Promise<number>((resolve, reject) =>
      grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    )
    const toGrpc = (socket: Socket) => {
      const onward = connect({ host: '127.0.0.1', port, noDelay: true })
      socket.pipe(onward).pipe(socket)
      onward.on('error', () => socket.destroy())
      socket.on('close', () => onward.destroy())
    }
    stage = await raiseDoors([{ name: 'grpc', service: toGrpc, http: { version: 'h2' } }], { secure: true })
    const host = stage.hostOf('grpc')
    client = new Client(
      `127.0.0.1:${stage.gatewayPort}`,
      ChannelCredentials.createSsl(Buffer.from(stage.tls.cert)),
      {
        'grpc.default_authority': host,
        'grpc.ssl_target_name_override': 'localhost',
      },
    )
  })
  afterAll(async () => {
    client.close()
    grpc.forceShutdown()
    await stage.end()
  })
  const plain = (bytes: Buffer) => bytes

  it('answers one by one, with what comes before and after', async () => {
    const before = new Metadata()
    before.set('x-before', 'kept')
    const [answer, after] = await new Promise<[Buffer | undefined, Metadata]>((resolve, reject) => {
      let trailers = new Metadata()
      const call = client.makeUnaryRequest(
        definition.echo.path,
        plain,
        plain,
        Buffer.from('hello'),
        before,
        (error, value) => {
          if (error) reject(error)
          else setImmediate(() => resolve([value, trailers]))
        },
      )
      call.on('status', ({ metadata }) => (trailers = metadata))
    })
    expect([String(answer), after.get('x-after')]).toEqual(['hello', ['kept']])
  })

  it('streams answers, and both ways at once', async () => {
    const counted: string[] = []
    for await (const piece of client.makeServerStreamRequest(
      definition.count.path,
      plain,
      plain,
      Buffer.from(''),
    ))
      counted.push(String(piece))
    expect(counted).toEqual(['0', '1', '2'])
    const chat = client.makeBidiStreamRequest(definition.chat.path, plain, plain)
    const said: string[] = []
    for (const word of ['one', 'two', 'three']) {
      const answer = new Promise((resolve) => chat.once('data', resolve))
      chat.write(Buffer.from(word))
      said.push(String(await answer))
    }
    chat.end()
    expect(said).toEqual(['one!', 'two!', 'three!'])
    expect(await new Promise((resolve) => chat.on('status', ({ code }) => resolve(code)))).toBe(status.OK)
  })

  it('tells an error that is nothing but trailers', async () => {
    const error = await new Promise((resolve) =>
      client.makeUnaryRequest(definition.fail.path, plain, plain, Buffer.from(''), resolve),
    )
    expect(error).toMatchObject({ code: status.NOT_FOUND, details: 'there is none' })
  })

  it('a service that speaks no HTTP/2 is told apart from one that is away', async () => {
    const other = await raiseDoors([{ name: 'h1', service, http: { version: 'h2' } }])
    try {
      const session = connectHttp2(`http://127.0.0.1:${other.gatewayPort}`)
      const stream = session.request({ ':authority': other.hostOf('h1'), ':path': '/' })
      expect(
        await new Promise((resolve) => stream.on('response', (headers) => resolve(headers[':status']))),
      ).toBe(502)
      session.destroy()
    } finally {
      await other.end()
    }
  })
})

function method(path: string, requestStream: boolean, responseStream: boolean) {
  const same = (bytes: Buffer) => bytes
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  }
}
