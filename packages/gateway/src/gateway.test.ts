import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, get, type IncomingMessage, type RequestOptions, request, type Server } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { request as requestTls } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROUTE_HEADER } from '@cloister/core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { dialEndpoint } from './dial.ts'
import { startGateway } from './gateway.ts'
import { readHost } from './host.ts'

const ID = `0x${'ab'.repeat(32)}`
const SHORT = 'ab'.repeat(8)
const ADDRESS = `0x${'11'.repeat(20)}`

describe('host names', () => {
  it.each([
    [`${SHORT}-web.example.com`, { key: SHORT, label: 'web' }],
    [`${SHORT}.example.com:8080`, { key: SHORT, label: '' }],
    ['my-app.example.com', { key: 'my-app', label: '' }],
    ['MY-APP.Example.Com.', { key: 'my-app', label: '' }],
    ['example.com', 'home'],
    ['127.0.0.1:99', 'home'],
  ])('%s', (host, wanted) => expect(readHost(host, 'example.com')).toEqual(wanted))

  it.each([
    'evil.com',
    'example.com.evil.com',
    'a.b.example.com',
    'xexample.com',
    '-.example.com',
    'a_b.example.com',
    '',
    undefined,
    '../.example.com',
    `${SHORT}-.example.com`,
  ])('%s is nobody’s', (host) => expect(readHost(host, 'example.com')).toBeUndefined())
})

describe('the gateway', () => {
  let folder: string
  let worker: Server
  let index: Server
  let gateway: Awaited<ReturnType<typeof startGateway>>
  let lease: Record<string, unknown>
  let asked = 0
  /** Has the service that answers slowly say the rest. */
  let goOn = () => {}
  let seen: IncomingMessage['headers'] = {}

  const portOf = (server: Server) => (server.address() as AddressInfo).port
  const listen = (server: Server) =>
    new Promise<Server>((done) => server.listen(0, '127.0.0.1', () => done(server)))
  const call = (options: RequestOptions = {}, body?: string | Buffer, send: typeof request = request) =>
    new Promise<{ status: number | undefined; headers: IncomingMessage['headers']; text: string }>(
      (done, fail) => {
        const outgoing = send(
          {
            host: '127.0.0.1',
            port: gateway.port,
            ...options,
            headers: { host: `${SHORT}-web.localhost`, ...options.headers },
          },
          (response) => {
            let text = ''
            response.on('data', (chunk) => (text += chunk))
            response.on('end', () => done({ status: response.statusCode, headers: response.headers, text }))
          },
        )
        outgoing.on('error', fail)
        outgoing.end(body)
      },
    )

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-gateway-'))
    // A worker as far as a gateway sees one: its interface is tested in the agent.
    worker = await listen(
      createServer((incoming, response) => {
        seen = incoming.headers
        if (incoming.url?.startsWith('/v1/leases/'))
          return response.end(
            JSON.stringify([
              { service: 'web', port: 80, protocol: 'http', label: 'web' },
              { service: 'db', port: 5432, protocol: 'tcp', label: '', address: '127.0.0.1:30000' },
            ]),
          )
        if (incoming.url === '/starting')
          return response.writeHead(503, { 'cloister-state': 'starting' }).end('starting')
        if (incoming.url === '/silent')
          return response.writeHead(502, { 'cloister-state': 'unreachable' }).end('unreachable')
        if (incoming.url === '/own-503') return response.writeHead(503).end('its own words')
        if (incoming.url === '/hangs') return undefined
        if (incoming.url === '/slow') {
          response.write('one ')
          goOn = () => response.end('two')
          return undefined
        }
        if (incoming.url === '/count') {
          let size = 0
          incoming.on('data', (chunk) => (size += chunk.length))
          return incoming.on('end', () => response.end(String(size)))
        }
        response.setHeader('set-cookie', ['a=1', 'b=2'])
        return response.end(`${incoming.method} ${incoming.url} ${incoming.headers[ROUTE_HEADER]}`)
      }),
    )
    const sockets = new WebSocketServer({ server: worker })
    sockets.on('connection', (socket) =>
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
    )
    lease = {
      lease: ID,
      shortId: SHORT,
      name: 'my-app',
      state: 'open',
      tenant: ADDRESS,
      worker: ADDRESS,
      provider: ADDRESS,
      token: ADDRESS,
      ratePerSecond: '1',
      deposit: '1',
      spent: '0',
      fee: '0',
      refund: '0',
      coveredSeconds: 0,
      manifestHash: ID,
      openedAt: 0,
      refused: false,
      endpoint: `http://127.0.0.1:${portOf(worker)}`,
      transaction: ID,
    }
    // An index with one lease: the real one is tested in the indexer.
    index = await listen(
      createServer((incoming, response) => {
        asked++
        const key = incoming.url?.split('/').at(-1)
        const known: Record<string, unknown> = {
          [SHORT]: lease,
          'my-app': lease,
          [ID]: lease,
          closed: { ...lease, state: 'closed' },
          away: { ...lease, endpoint: 'http://127.0.0.1:9' },
          odd: { ...lease, endpoint: 'file:///etc/passwd' },
          downgraded: { ...lease, tlsKeyHash: ID },
        }
        const found = known[key ?? '']
        response
          .writeHead(found ? 200 : 404, { 'content-type': 'application/json' })
          .end(JSON.stringify(found ?? {}))
      }),
    )
    gateway = await startGateway({
      domain: 'localhost',
      host: '127.0.0.1',
      port: 0,
      indexerUrl: `http://127.0.0.1:${portOf(index)}`,
      development: { portsFile: join(folder, 'ports.json') },
      maxBodyBytes: 1024 * 1024,
      silenceMs: 600,
    })
  })

  afterAll(async () => {
    await gateway.stop()
    worker.closeAllConnections()
    worker.close()
    index.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('leads to the worker, with the route it knows and not the one it is told', async () => {
    const { status, text, headers } = await call(
      {
        method: 'POST',
        path: '/a?b=c',
        headers: {
          [ROUTE_HEADER]: 'another/lease',
          'x-forwarded-for': '6.6.6.6',
          connection: 'x-secret',
          'x-secret': '1',
          'proxy-authorization': 'x',
        },
      },
      'body',
    )
    expect([status, text]).toEqual([200, `POST /a?b=c ${ID}/web`])
    expect(headers['set-cookie']).toEqual(['a=1', 'b=2'])
    expect(seen).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      host: `${SHORT}-web.localhost`,
    })
    for (const name of ['x-secret', 'proxy-authorization', 'forwarded']) expect(seen[name]).toBeUndefined()
    expect((await call({ headers: { host: 'my-app.localhost' } })).text).toBe(`GET / ${ID}/`)
  })

  it('streams bodies both ways', async () => {
    const pieces: string[] = []
    await new Promise<void>((done) =>
      get({ port: gateway.port, path: '/slow', headers: { host: `${SHORT}.localhost` } }, (response) =>
        response
          .on('data', (chunk) => {
            pieces.push(String(chunk))
            // The second piece is written once the first is here.
            if (pieces.length === 1) goOn()
          })
          .on('end', done),
      ),
    )
    expect(pieces).toEqual(['one ', 'two'])
    expect((await call({ method: 'PUT', path: '/count' }, Buffer.alloc(1024 * 1024))).text).toBe(
      String(1024 * 1024),
    )
  })

  it('limits bodies and headers', async () => {
    expect((await call({ method: 'PUT', path: '/count' }, Buffer.alloc(1024 * 1024 + 1))).status).toBe(413)
    // Without a length given beforehand.
    const chunked = await new Promise<number | undefined>((done) => {
      const outgoing = request(
        {
          port: gateway.port,
          method: 'PUT',
          path: '/count',
          headers: { host: `${SHORT}.localhost`, 'transfer-encoding': 'chunked' },
        },
        (response) => done(response.resume().statusCode),
      )
      outgoing.on('error', () => done(undefined))
      for (let i = 0; i < 40; i++) outgoing.write(Buffer.alloc(64 * 1024))
      outgoing.end()
    })
    expect([413, undefined]).toContain(chunked)
    expect((await call({ headers: { 'x-long': 'x'.repeat(40_000) } })).status).toBe(431)
  })

  it('carries WebSockets', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/`, {
      headers: { host: `${SHORT}-web.localhost` },
    })
    await new Promise((done, fail) => socket.once('open', done).once('error', fail))
    const echo = new Promise((done) => socket.once('message', (data) => done(String(data))))
    socket.send('over the gateway')
    expect(await echo).toBe('over the gateway')
    socket.close()
    const refused = new WebSocket(`ws://127.0.0.1:${gateway.port}/`, {
      headers: { host: 'nobody.localhost' },
    })
    expect(await new Promise((done) => refused.once('error', (error) => done(error.message)))).toContain(
      '404',
    )
  })

  it.each([
    ['nobody.localhost', '/', 404, 'No such lease'],
    ['closed.localhost', '/', 410, 'Closed'],
    ['my-app.localhost', '/starting', 503, 'Starting'],
    ['my-app.localhost', '/silent', 502, 'The service does not answer'],
    ['away.localhost', '/', 502, 'The worker does not answer'],
    ['odd.localhost', '/', 502, 'The worker does not answer'],
    ['downgraded.localhost', '/', 502, 'The worker does not answer'],
    ['my-app.localhost', '/hangs', 504, 'No answer in time'],
    ['example.com', '/', 421, 'Not our address'],
    ['localhost', '/', 200, 'A Cloister gateway'],
  ])('answers %s%s with %i and a page of its own', async (host, path, status, title) => {
    const html = await call({ path, headers: { host, accept: 'text/html' } })
    expect(html.status).toBe(status)
    expect(html.text).toContain(`<h1>${title}</h1>`)
    const json = await call({ path, headers: { host, accept: 'application/json' } })
    expect(JSON.parse(json.text)).toMatchObject({ status, title })
  })

  it('leaves a service’s own errors alone', async () =>
    expect((await call({ path: '/own-503' })).text).toBe('its own words'))

  it('is no open proxy', async () => {
    const raw = (text: string) =>
      new Promise<string>((done) => {
        let answer = ''
        const socket = connect(gateway.port, '127.0.0.1', () => socket.write(text))
        socket
          .on('data', (chunk) => {
            answer += chunk
            if (answer.includes('\r\n\r\n')) socket.destroy()
          })
          .on('close', () => done(answer))
      })
    expect(await raw(`GET http://127.0.0.1:${portOf(index)}/ HTTP/1.1\r\nHost: evil.com\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 421/,
    )
    expect(await raw(`CONNECT 127.0.0.1:${portOf(index)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)).not.toMatch(
      / 200 /,
    )
    expect(
      await raw(
        'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      ),
    ).toMatch(/^HTTP\/1\.1 400/)
  })

  it('asks the index once for many requests at a time, and goes on while the index is away', async () => {
    asked = 0
    await Promise.all(Array.from({ length: 20 }, () => call()))
    expect(asked).toBeLessThanOrEqual(1)
    const port = portOf(index)
    await new Promise((done) => {
      index.closeAllConnections()
      index.close(done)
    })
    // Later than what was asked once is taken for true.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2_100 })
    try {
      expect((await call()).status).toBe(200)
      expect((await call({ headers: { host: 'unheard.localhost' } })).status).toBe(503)
    } finally {
      vi.useRealTimers()
    }
    await new Promise<void>((done) => index.listen(port, '127.0.0.1', done))
  })

  it('tells a lease’s addresses, and keeps their ports on 127.0.0.1 over a restart', async () => {
    const routes = async () =>
      JSON.parse((await call({ path: `/v1/routes/${ID}`, headers: { host: 'localhost' } })).text)
    const first = await routes()
    expect(first).toMatchObject([
      {
        service: 'web',
        url: `http://${SHORT}-web.localhost:${gateway.port}`,
        namedUrl: `http://my-app.localhost:${gateway.port}`,
      },
      { service: 'db', url: 'tcp://127.0.0.1:30000' },
    ])
    expect(await (await fetch(`${first[0].loopbackUrl}/x`)).text()).toBe(`GET /x ${ID}/web`)
    await gateway.stop()
    gateway = await startGateway({
      domain: 'localhost',
      host: '127.0.0.1',
      port: 0,
      indexerUrl: `http://127.0.0.1:${portOf(index)}`,
      development: { portsFile: join(folder, 'ports.json') },
    })
    expect(await (await fetch(`${first[0].loopbackUrl}/x`)).text()).toBe(`GET /x ${ID}/web`)
    expect((await routes())[0].loopbackUrl).toBe(first[0].loopbackUrl)
  })

  it('never follows a worker’s endpoint into a private network outside development', async () => {
    const strict = await startGateway({
      domain: 'localhost',
      host: '127.0.0.1',
      port: 0,
      indexerUrl: `http://127.0.0.1:${portOf(index)}`,
    })
    expect((await call({ port: strict.port })).status).toBe(502)
    await strict.stop()
  })

  it('never speaks to a worker without TLS outside development, and never to one that has attested a key', async () => {
    seen = {}
    // Its endpoint was `https:`; the provider has renamed it, and who listens there would read this.
    expect((await call({ headers: { host: 'downgraded.localhost', cookie: 'session=secret' } })).status).toBe(
      502,
    )
    const target = (endpoint: string) => `${endpoint}  ${ID}`
    await expect(dialEndpoint(target(`http://127.0.0.1:${portOf(worker)}`), false)).rejects.toThrow(
      'has no TLS',
    )
    await expect(dialEndpoint(target('http://worker.example.com'), false)).rejects.toThrow('has no TLS')
    expect(seen).toEqual({})
  })

  it('tells an address that asks for too much when to come again', async () => {
    const strict = await startGateway({
      domain: 'localhost',
      host: '127.0.0.1',
      port: 0,
      indexerUrl: `http://127.0.0.1:${portOf(index)}`,
      development: { portsFile: join(folder, 'strict-ports.json') },
      addressLimits: { requestsPerSecond: 0.5, burst: 3 },
    })
    const answers = []
    for (let i = 0; i < 4; i++) answers.push(await call({ port: strict.port }))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429])
    expect(answers[3]?.headers).toMatchObject({
      'retry-after': '2',
      'content-type': 'application/problem+json',
    })
    expect(JSON.parse(answers[3]?.text ?? '')).toMatchObject({ status: 429, title: 'Too many requests' })
    const refused = new WebSocket(`ws://127.0.0.1:${strict.port}/`, {
      headers: { host: `${SHORT}-web.localhost` },
    })
    expect(await new Promise((done) => refused.once('error', (error) => done(error.message)))).toContain(
      '429',
    )
    await strict.stop()
  })

  it('speaks HTTP/2 and HTTP/1.1 over TLS', async () => {
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-keyout',
        join(folder, 'key.pem'),
        '-out',
        join(folder, 'cert.pem'),
        '-days',
        '1',
        '-subj',
        '/CN=*.localhost',
      ],
      { stdio: 'ignore' },
    )
    const [key, cert] = await Promise.all([
      readFile(join(folder, 'key.pem')),
      readFile(join(folder, 'cert.pem')),
    ])
    const secure = await startGateway({
      domain: 'localhost',
      host: '127.0.0.1',
      port: 0,
      indexerUrl: `http://127.0.0.1:${portOf(index)}`,
      development: { portsFile: join(folder, 'tls-ports.json') },
      tls: { key, cert },
    })
    const one = await call(
      { port: secure.port, rejectUnauthorized: false } as RequestOptions,
      undefined,
      requestTls as typeof request,
    )
    expect([one.status, one.text]).toEqual([200, `GET / ${ID}/web`])
    expect(seen['x-forwarded-proto']).toBe('https')
    const session = connectHttp2(`https://127.0.0.1:${secure.port}`, { rejectUnauthorized: false })
    const many = await Promise.all(
      Array.from(
        { length: 10 },
        (_, i) =>
          new Promise<string>((done, fail) => {
            const stream = session.request({
              ':path': `/${i}`,
              ':method': 'POST',
              ':authority': `${SHORT}-web.localhost:${secure.port}`,
            })
            let text = ''
            stream
              .on('data', (chunk) => (text += chunk))
              .on('end', () => done(text))
              .on('error', fail)
            stream.end('body')
          }),
      ),
    )
    expect(many).toEqual(Array.from({ length: 10 }, (_, i) => `POST /${i} ${ID}/web`))
    session.close()
    await secure.stop()
  })
})
