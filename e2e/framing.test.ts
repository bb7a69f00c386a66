import { createServer } from 'node:http'
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DoorsStage, exchange, raiseDoors } from './doors.ts'

/** What a service has read, request by request. */
interface Seen {
  method: string
  url: string
  headers: NodeJS.Dict<string | string[]>
  body: string
  trailers: NodeJS.Dict<string>
}

const seen: Seen[] = []
/** A service that tells what it has read. */
const mirror = createServer({ maxHeaderSize: 65_536 }, (request, response) => {
  let body = ''
  request.on('data', (chunk) => (body += chunk))
  request.on('end', () => {
    const { method = '', url = '', headers, trailers } = request
    seen.push({ method, url, headers, body, trailers })
    response.end(`${method} ${url}`)
  })
})
mirror.maxHeadersCount = 0
mirror.on('clientError', (error: NodeJS.ErrnoException, socket) => {
  // A request that broke off is no request.
  if (!/^(HPE_INVALID_EOF_STATE|ECONNRESET)$/.test(error.code ?? ''))
    seen.push({ method: 'MALFORMED', url: '', headers: {}, body: '', trailers: {} })
  socket.destroy()
})

/** A service that answers with the bytes that the path names. */
const raw = (socket: Socket) => {
  let isOver = false
  socket.on('data', (data) => {
    if (isOver) return
    const named = /^\S+ \/raw\/(\S*)/.exec(String(data))?.[1]
    isOver = named !== undefined
    socket.write(
      named === undefined
        ? 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
        : Buffer.from(named, 'base64url'),
    )
    if (isOver) setTimeout(() => socket.end(), 50)
  })
}
const named = (bytes: string) => `/raw/${Buffer.from(bytes, 'latin1').toString('base64url')}`
const firstLine = (answer: string) => answer.split('\r\n', 1)[0] ?? ''
const answersIn = (text: string) => text.match(/^HTTP\/1\.1 \d{3}/gm)?.length ?? 0

describe('between clients, gateway, worker and services', () => {
  let stage: DoorsStage
  const ask = (lines: string, body = '', name = 'mirror') =>
    exchange(stage.gatewayPort, head(lines, name) + body)
  const head = (lines: string, name = 'mirror') =>
    `${lines.replaceAll('\n', '\r\n')}\r\nHost: ${stage.hostOf(name)}\r\nConnection: close\r\n\r\n`
  const chunked = (body: string) => `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n0\r\n\r\n`

  beforeAll(async () => {
    stage = await raiseDoors([
      { name: 'mirror', service: (socket) => mirror.emit('connection', socket) },
      { name: 'victim', service: (socket) => mirror.emit('connection', socket) },
      { name: 'raw', service: raw },
    ])
  })
  afterAll(() => stage.end())

  it.each(['GET', 'HEAD', 'OPTIONS', 'DELETE', 'POST', 'PUT', 'PATCH', 'PROPFIND', 'QUERY'])(
    'a body of %s in chunks stays a body',
    async (method) => {
      seen.length = 0
      const smuggled = `GET /smuggled HTTP/1.1\r\nHost: x\r\ncloister-route: ${stage.idOf('victim')}/\r\n\r\n`
      const answer = await ask(`${method} /outer HTTP/1.1\nTransfer-Encoding: chunked`, chunked(smuggled))
      expect(firstLine(answer)).toBe('HTTP/1.1 200 OK')
      expect(seen.map(({ method, url, body }) => [method, url, body])).toEqual([[method, '/outer', smuggled]])
      const measured = await ask(`${method} /length HTTP/1.1\nContent-Length: ${smuggled.length}`, smuggled)
      expect(firstLine(measured)).toBe('HTTP/1.1 200 OK')
      expect(seen.map(({ url, body }) => [url, body])).toEqual([
        ['/outer', smuggled],
        ['/length', smuggled],
      ])
    },
  )

  it('many requests of a lease at once share one connection to its worker', async () => {
    await ask('GET / HTTP/1.1', '', 'mirror')
    const before = stage.toWorker()
    await Promise.all(Array.from({ length: 40 }, () => ask('GET / HTTP/1.1', '', 'mirror')))
    expect(stage.toWorker()).toBe(before)
  })

  it('leases never share a connection to their worker', async () => {
    const before = stage.toWorker()
    for (const name of ['mirror', 'victim', 'mirror', 'victim', 'raw', 'victim', 'mirror'])
      await ask('GET / HTTP/1.1', '', name)
    expect(stage.toWorker() - before).toBeLessThanOrEqual(3)
    const kept = stage.toWorker()
    await ask('GET / HTTP/1.1', '', 'mirror')
    expect(stage.toWorker()).toBe(kept)
    expect(stage.toWorker()).toBeGreaterThanOrEqual(3)
  })

  it.each([
    [
      'a length and chunks',
      'POST / HTTP/1.1\nContent-Length: 4\nTransfer-Encoding: chunked',
      '0\r\n\r\n',
      400,
    ],
    ['two lengths', 'POST / HTTP/1.1\nContent-Length: 4\nContent-Length: 5', 'abcd', 400],
    ['the same length twice', 'POST / HTTP/1.1\nContent-Length: 4\nContent-Length: 4', 'abcd', 400],
    ['a list of lengths', 'POST / HTTP/1.1\nContent-Length: 4, 4', 'abcd', 400],
    ['a signed length', 'POST / HTTP/1.1\nContent-Length: +4', 'abcd', 400],
    ['a coding nobody knows', 'POST / HTTP/1.1\nTransfer-Encoding: xchunked', '0\r\n\r\n', 400],
    ['a coding after chunks', 'POST / HTTP/1.1\nTransfer-Encoding: chunked, identity', '0\r\n\r\n', 400],
    ['a coding before chunks', 'POST / HTTP/1.1\nTransfer-Encoding: gzip, chunked', '0\r\n\r\n', 501],
    [
      'chunks twice',
      'POST / HTTP/1.1\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked',
      '0\r\n\r\n',
      400,
    ],
    ['a space before the colon', 'POST / HTTP/1.1\nTransfer-Encoding : chunked', '0\r\n\r\n', 400],
    ['chunks in HTTP/1.0', 'POST / HTTP/1.0\nTransfer-Encoding: chunked', '0\r\n\r\n', 400],
    ['a folded line', 'GET / HTTP/1.1\nX: a\n b', '', 400],
    ['two hosts', 'GET / HTTP/1.1\nHost: evil', '', 421],
    [
      'framing in trailers',
      'POST / HTTP/1.1\nTransfer-Encoding: chunked',
      '1\r\na\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
    ],
    [
      'a chunk size that overflows',
      'POST / HTTP/1.1\nTransfer-Encoding: chunked',
      'fffffffffffffffff\r\nabc\r\n0\r\n\r\n',
      400,
    ],
    ['line feeds alone between chunks', 'POST / HTTP/1.1\nTransfer-Encoding: chunked', '3\nabc\n0\n\n', 400],
    ['an expectation nobody knows', 'POST / HTTP/1.1\nExpect: x\nContent-Length: 3', 'abc', 417],
    ['another host in the target', 'GET http://other.localhost/ HTTP/1.1', '', 400],
    ['a target that is no path', 'GET x HTTP/1.1', '', 400],
    ['a fragment', 'GET /a#b HTTP/1.1', '', 400],
  ])('%s is refused and reaches nobody', async (_, lines, body, status) => {
    seen.length = 0
    expect(firstLine(await ask(lines, body))).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(seen).toEqual([])
  })

  it('header lines with line feeds alone, and CONNECT, are refused', async () => {
    seen.length = 0
    expect(
      firstLine(await exchange(stage.gatewayPort, `GET / HTTP/1.1\nHost: ${stage.hostOf('mirror')}\n\n`)),
    ).toMatch(/^(HTTP\/1\.1 400 |$)/)
    expect(await ask('CONNECT 127.0.0.1:22 HTTP/1.1')).not.toMatch(/ 200 /)
    expect(seen).toEqual([])
  })

  it('framing among thousands of header lines is not overlooked', async () => {
    seen.length = 0
    const many = Array.from({ length: 2_500 }, (_, i) => `a${i}: b`).join('\n')
    await ask(`POST / HTTP/1.1\n${many}\nContent-Length: 4`, 'abcd')
    expect(seen.map(({ body }) => body)).toEqual(['abcd'])
  })

  it('chunk extensions are left out, trailers are kept, and those that belong into a head are not', async () => {
    seen.length = 0
    const trailers =
      'x-sum: 1\r\ncloister-route: x\r\nHost: evil\r\nX-Forwarded-For: 6.6.6.6\r\nAuthorization: x\r\n'
    await ask(
      'POST / HTTP/1.1\nTransfer-Encoding: chunked\nTrailer: x-sum',
      `3;a=b\r\nabc\r\n0\r\n${trailers}\r\n`,
    )
    expect(seen.map(({ body, trailers }) => [body, { ...trailers }])).toEqual([['abc', { 'x-sum': '1' }]])
    expect(seen[0]?.headers).toMatchObject({
      host: stage.hostOf('mirror'),
      'x-forwarded-for': '127.0.0.1',
      trailer: 'x-sum',
    })
  })

  it('trailers that are announced where there can be none are not passed on', async () => {
    seen.length = 0
    expect(firstLine(await ask('POST / HTTP/1.1\nTrailer: x\nContent-Length: 3', 'abc'))).toBe(
      'HTTP/1.1 200 OK',
    )
    expect(firstLine(await ask('GET / HTTP/1.1\nTrailer: x'))).toBe('HTTP/1.1 200 OK')
    expect(seen.map(({ body, headers }) => [body, headers['trailer']])).toEqual([
      ['abc', undefined],
      ['', undefined],
    ])
    for (const framing of [
      'content-length: 1\r\n\r\na',
      '\r\na',
      'transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx: y\r\n\r\n',
    ])
      for (const version of ['1.0', '1.1'])
        expect(
          firstLine(
            await ask(
              `GET ${named(`HTTP/1.1 200 OK\r\ntrailer: x\r\n${framing}`)} HTTP/${version}`,
              '',
              'raw',
            ),
          ),
        ).toBe('HTTP/1.1 200 OK')
  })

  it('names that only look like the gateway’s own headers stay behind', async () => {
    seen.length = 0
    await ask(
      'GET / HTTP/1.1\nX_Forwarded_For: 6.6.6.6\nX-Real-IP: 6.6.6.6\nCloister_Route: x\nConnection: x-forwarded-for, host',
    )
    expect(Object.keys(seen[0]?.headers ?? {}).filter((name) => /_|real|cloister/.test(name))).toEqual([])
    expect(seen[0]?.headers).toMatchObject({ 'x-forwarded-for': '127.0.0.1', host: stage.hostOf('mirror') })
  })

  it('each hop answers Expect itself', async () => {
    seen.length = 0
    const answer = await exchange(
      stage.gatewayPort,
      head('POST / HTTP/1.1\nExpect: 100-continue\nContent-Length: 3'),
      {
        opened: (socket) => socket.once('data', () => socket.write('abc')),
      },
    )
    expect(answer).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/)
    expect(seen.map(({ body, headers }) => [body, headers['expect']])).toEqual([['abc', undefined]])
  })

  it('an upgrade to anything but WebSocket is a plain request', async () => {
    seen.length = 0
    const upgrade = (protocol: string) =>
      `Connection: Upgrade, HTTP2-Settings\nUpgrade: ${protocol}\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA`
    const host = `Host: ${stage.hostOf('mirror')}`
    for (const lines of [
      `GET /a HTTP/1.1\n${host}\n${upgrade('h2c')}`,
      `POST /b HTTP/1.1\n${host}\n${upgrade('websocket')}\nContent-Length: 3`,
    ]) {
      const body = lines.startsWith('POST') ? 'abc' : ''
      expect(
        firstLine(
          await exchange(stage.gatewayPort, `${lines.replaceAll('\n', '\r\n')}\r\n\r\n${body}`, {
            quietMs: 300,
          }),
        ),
      ).toBe('HTTP/1.1 200 OK')
    }
    expect(
      seen.map(({ url, body, headers }) => [url, body, headers['upgrade'], headers['http2-settings']]),
    ).toEqual([
      ['/a', '', undefined, undefined],
      ['/b', 'abc', undefined, undefined],
    ])
  })

  it.each([
    ['status 000', 'HTTP/1.1 000 X\r\ncontent-length: 0\r\n\r\n', 502],
    ['status 042', 'HTTP/1.1 042 X\r\ncontent-length: 0\r\n\r\n', 502],
    ['status 099', 'HTTP/1.1 099 X\r\ncontent-length: 0\r\n\r\n', 502],
    ['status 100 alone', 'HTTP/1.1 100 X\r\ncontent-length: 0\r\n\r\n', 502],
    [
      'status 101 unasked',
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nhello',
      502,
    ],
    ['status 101 without a protocol', 'HTTP/1.1 101 X\r\n\r\n', 502],
    ['status 204 with a length', 'HTTP/1.1 204 X\r\ncontent-length: 5\r\n\r\n', 204],
    ['status 304', 'HTTP/1.1 304 X\r\ncontent-length: 5\r\n\r\n', 304],
    ['status 600', 'HTTP/1.1 600 X\r\ncontent-length: 0\r\n\r\n', 600],
    ['status 1000', 'HTTP/1.1 1000 X\r\ncontent-length: 0\r\n\r\n', 502],
    ['status "2 00"', 'HTTP/1.1 2 00 X\r\ncontent-length: 0\r\n\r\n', 502],
    ['status -20', 'HTTP/1.1 -20 X\r\ncontent-length: 0\r\n\r\n', 502],
    ['20 KB in a header', `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(20_000)}\r\ncontent-length: 0\r\n\r\n`, 200],
    ['no length', 'HTTP/1.1 200 OK\r\n\r\nbody', 200],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc', 502],
    [
      'a length and chunks',
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
      502,
    ],
    ['chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n', 502],
    [
      'a coding nobody knows',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
      502,
    ],
    [
      'a length that `connection` names',
      'HTTP/1.1 200 OK\r\nconnection: content-length\r\ncontent-length: 2\r\n\r\nab',
      200,
    ],
    ['an empty header name', 'HTTP/1.1 200 OK\r\n: y\r\ncontent-length: 0\r\n\r\n', 502],
    ['HTTP/0.9', 'hello', 502],
    ['HTTP/2.0', 'HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n', 502],
    ['bytes that are no ASCII', 'HTTP/1.1 200 OK\r\nx: \xff\xfe\r\ncontent-length: 0\r\n\r\n', 200],
    [
      'a thousand hints',
      `${'HTTP/1.1 103 Early\r\n\r\n'.repeat(1_000)}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n`,
      200,
    ],
    ['nothing', '', 502],
  ])('an answer of a service with %s is one answer', async (_, bytes, status) => {
    const answer = await ask(`GET ${named(bytes)} HTTP/1.1`, '', 'raw')
    expect(firstLine(answer)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(answersIn(answer)).toBe(1)
    // Nothing is left over for whoever asks next.
    expect(await ask('GET / HTTP/1.1', '', 'raw')).toMatch(/\r\n\r\nok$/)
  })

  it('a second answer on a connection is nobody’s', async () => {
    const twice = 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\naHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nb'
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => ask(`GET ${named(twice)} HTTP/1.1`, '', 'raw')),
    )
    // The first may be cut off with the connection; the second is never told.
    for (const answer of answers) expect(answer).not.toMatch(/b$/)
    expect(await ask('GET / HTTP/1.1', '', 'raw')).toMatch(/\r\n\r\nok$/)
  })

  it('chunks that break off are told apart from an end', async () => {
    const answer = await ask(
      `GET ${named('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n')} HTTP/1.1`,
      '',
      'raw',
    )
    expect(answer).not.toMatch(/0\r\n\r\n$/)
    const short = await ask(
      `GET ${named('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')} HTTP/1.1`,
      '',
      'raw',
    )
    expect(short).not.toMatch(/ 502 /)
    expect(short.split('\r\n\r\n')[1]?.length ?? 0).toBeLessThan(10)
  })

  it('trailers of an answer are kept', async () => {
    const answer = await ask(
      `GET ${named('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n1\r\na\r\n0\r\nx-sum: y\r\nset-cookie: no\r\n\r\n')} HTTP/1.1`,
      '',
      'raw',
    )
    expect(answer).toMatch(/\r\n0\r\nx-sum: y\r\n\r\n$/)
    expect(answer).toMatch(/^trailer: x-sum\r$/im)
  })

  it('an answer before the request is whole ends the connection behind, and the rest is nobody’s request', async () => {
    seen.length = 0
    // The service may just have closed a connection that is kept; what may not be sent twice needs one that
    // is open.
    expect(await ask('GET / HTTP/1.1', '', 'raw')).toMatch(/\r\n\r\nok$/)
    const early = named('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nearly')
    const rest = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'
    const answer = await exchange(
      stage.gatewayPort,
      `POST ${early} HTTP/1.1\r\nHost: ${stage.hostOf('raw')}\r\nContent-Length: ${rest.length + 4}\r\n\r\nabcd`,
      {
        quietMs: 500,
        opened: (socket) => setTimeout(() => socket.write(rest), 150),
      },
    )
    expect([firstLine(answer), answersIn(answer)]).toEqual(['HTTP/1.1 200 OK', 1])
    expect(await ask('GET / HTTP/1.1', '', 'raw')).toMatch(/\r\n\r\nok$/)
  })

  it('bytes of every value in target, method, names and values are refused or passed on as they are', async () => {
    const host = stage.hostOf('mirror')
    for (let byte = 0; byte < 256; byte++) {
      const c = String.fromCharCode(byte)
      const heads = [
        `GET /a${c}b HTTP/1.1\r\nHost: ${host}`,
        `GET / HTTP/1.1\r\nHost: ${host}\r\nX-A: a${c}b`,
        `GET / HTTP/1.1\r\nHost: ${host}\r\nX${c}b: c`,
        `G${c}T / HTTP/1.1\r\nHost: ${host}`,
        `GET / HTTP/1.1\r\nHost: ${host}\r\nX-Request-Id: a${c}b`,
      ]
      seen.length = 0
      const answers = await Promise.all(
        heads.map((text) =>
          exchange(stage.gatewayPort, Buffer.from(`${text}\r\nConnection: close\r\n\r\n`, 'latin1')),
        ),
      )
      for (const answer of answers) expect(answersIn(answer)).toBeLessThanOrEqual(1)
      expect(seen.filter(({ method }) => method === 'MALFORMED')).toEqual([])
      expect(seen.length).toBeLessThanOrEqual(5)
    }
    expect(firstLine(await ask('GET / HTTP/1.1'))).toBe('HTTP/1.1 200 OK')
  })
})

describe('over HTTP/2', () => {
  let stage: DoorsStage
  beforeAll(async () => {
    stage = await raiseDoors(
      [
        { name: 'mirror', service: (socket) => mirror.emit('connection', socket) },
        { name: 'raw', service: raw },
      ],
      { secure: true },
    )
  })
  afterAll(() => stage.end())

  /** The status of an answer, or what became of the stream. */
  const ask = (
    headers: IncomingHttpHeaders,
    { name = 'mirror', body = undefined as string | undefined } = {},
  ) =>
    new Promise<number | string>((resolve) => {
      const session = connectHttp2(`https://127.0.0.1:${stage.gatewayPort}`, { rejectUnauthorized: false })
      const end = (result: number | string) => {
        resolve(result)
        session.destroy()
      }
      session.on('error', (error) => end(error.message))
      session.on('close', () => end('closed'))
      try {
        const stream = session.request(
          { ':authority': stage.hostOf(name), ':scheme': 'https', ':path': '/', ...headers },
          { endStream: body === undefined },
        )
        stream.on('response', (answer) => {
          stream.resume()
          stream.on('end', () => end(answer[':status'] ?? 0))
        })
        stream.on('error', (error) => end(error.message))
        if (body !== undefined) stream.end(body)
      } catch (error) {
        end((error as NodeJS.ErrnoException).code ?? 'refused')
      }
    })

  it.each([
    ['a space in the path', { ':path': '/a b' }, 400],
    ['a tab in the path', { ':path': '/a\tb' }, 400],
    ['an empty path', { ':path': '' }, 400],
    ['a path without a slash', { ':path': 'x' }, 400],
    ['a star', { ':path': '*' }, 400],
    ['CONNECT', { ':method': 'CONNECT', ':path': undefined, ':scheme': undefined }, 405],
    ['a method that is no word', { ':method': 'G ET' }, 501],
    ['a wish for trailers', { te: 'trailers' }, 200],
  ])('%s is answered', async (_, headers, status) => {
    const result = await ask(headers as IncomingHttpHeaders)
    // What HTTP/2 itself forbids may end as an error of the stream instead.
    expect([status, 'Stream closed with error code NGHTTP2_PROTOCOL_ERROR']).toContain(result)
    expect(await ask({})).toBe(200)
  })

  it('a body of DELETE without a length stays a body', async () => {
    seen.length = 0
    const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'
    for (const method of ['DELETE', 'GET', 'POST'])
      expect(await ask({ ':method': method }, { body: smuggled })).toBe(200)
    expect(seen.map(({ method, body }) => [method, body])).toEqual(
      ['DELETE', 'GET', 'POST'].map((method) => [method, smuggled]),
    )
    expect(await ask({ ':method': 'DELETE' })).toBe(200)
    expect(seen.at(-1)?.body).toBe('')
  })

  it.each([
    ['HTTP/1.1 101 Switching Protocols\r\n\r\n', 502],
    ['HTTP/1.1 099 X\r\ncontent-length: 0\r\n\r\n', 502],
    ['HTTP/1.1 200 OK\r\nx: \xff\xfe\r\ncontent-length: 0\r\n\r\n', 200],
    [
      'HTTP/1.1 200 OK\r\nproxy-connection: x\r\nhttp2-settings: y\r\nkeep-alive: z\r\nupgrade: w\r\ncontent-length: 0\r\n\r\n',
      200,
    ],
    ['HTTP/1.1 200 OK\r\nte: trailers\r\nstatus: 5\r\nHost: x\r\ncontent-length: 0\r\n\r\n', 200],
    [
      'HTTP/1.1 200 OK\r\netag: a\r\netag: b\r\nlocation: x\r\nlocation: y\r\ncontent-type: a\r\ncontent-type: b\r\ncontent-length: 0\r\n\r\n',
      200,
    ],
  ])('the answer %j of a service is passed on or replaced', async (bytes, status) => {
    expect(await ask({ ':path': named(bytes) }, { name: 'raw' })).toBe(status)
    expect(await ask({})).toBe(200)
  })

  it('sessions that end at any moment take nothing with them', async () => {
    for (let round = 0; round < 40; round++)
      await new Promise<void>((resolve) => {
        const session = connectHttp2(`https://127.0.0.1:${stage.gatewayPort}`, { rejectUnauthorized: false })
        session.on('error', () => {})
        session.on('close', () => resolve())
        session.on('connect', () => {
          for (let i = 0; i < 10; i++) {
            const stream = session.request({
              ':authority': stage.hostOf(i % 2 ? 'mirror' : 'nobody'),
              ':method': i % 3 ? 'POST' : 'GET',
              ':path': '/',
            })
            stream.on('error', () => {})
            if (i % 4 === 0) stream.close(8)
            else stream.write('some')
          }
          if (round % 2) setTimeout(() => session.destroy(), round / 4)
          else setTimeout(() => (session.socket as unknown as Socket).destroy(), round / 4)
        })
      })
    expect(await ask({})).toBe(200)
  })

  it('a client that begins with HTTP/2 without TLS is understood as well, and garbage like it is not', async () => {
    const plain = await raiseDoors([
      { name: 'mirror', service: (socket) => mirror.emit('connection', socket) },
    ])
    try {
      const session = connectHttp2(`http://127.0.0.1:${plain.gatewayPort}`)
      const stream = session.request({ ':authority': plain.hostOf('mirror'), ':path': '/plain' })
      const status = await new Promise((resolve) =>
        stream.on('response', (answer) => resolve(answer[':status'])),
      )
      expect(status).toBe(200)
      session.destroy()
      await exchange(plain.gatewayPort, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n', {
        quietMs: 300,
      })
      const split = connect(plain.gatewayPort, '127.0.0.1')
      split.on('error', () => {})
      split.write('PRI * HT')
      await new Promise((resolve) => split.once('close', resolve).resume())
    } finally {
      await plain.end()
    }
  })
})

describe.each([false, true])('a worker that answers with bytes of its own (over streams: %s)', (streams) => {
  it.each([
    ['HTTP/1.1 099 X\r\ncontent-length: 0\r\n\r\n', 502],
    ['HTTP/1.1 101 X\r\n\r\n', 502],
    ['HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\naHTTP/1.1 200 OK\r\n\r\n', 200],
    [
      'HTTP/1.1 503 X\r\ncloister-state: failing\r\ncloister-state-detail: <script>alert(1)</script>\r\ncontent-length: 0\r\n\r\n',
      503,
    ],
    ['garbage', 502],
  ])('%j takes the gateway nowhere', async (bytes, status) => {
    const stage = await raiseDoors([{ name: 'mirror', service: () => {} }], {
      streams,
      worker: (connection) => connection.once('data', () => connection.end(bytes)),
    })
    try {
      for (let round = 0; round < 3; round++) {
        const answer = await exchange(
          stage.gatewayPort,
          `GET / HTTP/1.1\r\nHost: ${stage.hostOf('mirror')}\r\nAccept: text/html\r\nConnection: close\r\n\r\n`,
        )
        expect(firstLine(answer)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
        expect(answer).not.toContain('<script>')
      }
    } finally {
      await stage.end()
    }
  })
})
