import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, get, type IncomingMessage } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { request } from 'node:https'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { parseManifest } from '@cloister/core'
import { NameServers, writeProxyHeader } from '@cloister/transport'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { AcmeAuthority } from '../packages/agent/src/domains/authority.ts'
import { factsOf } from '../packages/agent/src/domains/certificate.ts'
import { Challenges } from '../packages/agent/src/domains/challenges.ts'
import { DnsChallenges } from '../packages/agent/src/domains/dns/dns-challenges.ts'
import { DomainDoor } from '../packages/agent/src/domains/door.ts'
import { DomainKeeper } from '../packages/agent/src/domains/keeper.ts'
import { servedDomains } from '../packages/agent/src/domains/served.ts'
import { Store } from '../packages/agent/src/store.ts'
import { hasAuthority, startAuthority, type TestAuthority } from './authority.ts'
import { type DoorsStage, raiseDoors } from './doors.ts'
import { freePort } from './embedded.ts'
import { type NameServer, startNameServer } from './name-server.ts'

const TENANT: Hex = `0x${'11'.repeat(20)}`
const STRANGER: Hex = `0x${'22'.repeat(20)}`
const FOREVER = new AbortController().signal

/** Says what it was asked for. */
const echo = createServer((asked, answer) => answer.end(JSON.stringify({ url: asked.url, ...asked.headers })))
echo.on('upgrade', (_, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n')
  socket.pipe(socket)
})

const manifestOf = (domain: string) =>
  parseManifest(
    `services: { web: { image: a, ports: ["80", { target: 443, app_protocol: tcp, x-proxy-protocol: v2 }], x-domains: ["${domain}:80", "raw.${domain}:443"] } }`,
    { file: 'compose.yaml' },
  ).manifest

describe.skipIf(!hasAuthority)('domains of tenants', () => {
  let folder: string
  let stage: DoorsStage
  let names: NameServer
  let authority: TestAuthority
  let store: Store
  let keeper: DomainKeeper
  let issuer: string
  let clock = 0
  const told: string[] = []
  const challenges = new Challenges()
  const leaseOf = (name: string) => stage.idOf(name) as Hex
  const claim = (domain: string, text: string) => names.texts.set(`_cloister.${domain}`, [text])
  const lookUp = async (name: string) => names.texts.get(name) ?? []
  const newKeeper = () =>
    new DomainKeeper({
      store,
      texts: lookUp,
      authority: new AcmeAuthority(
        { directory: authority.directory, contact: [], agreesToTerms: true, roots: authority.roots },
        {
          store,
          challenges,
          dns: new DnsChallenges({
            store,
            names: new NameServers(),
            rules: { allowsInternal: true },
            log: () => {},
          }),
        },
      ),
      event: (_, kind, message) => told.push(`${kind}: ${message}`),
      log: () => {},
      now: () => Date.now() + clock,
    })
  /** Looks now, whatever the timetable says. */
  const look = async (domain: string, name = 'shop', own = keeper) => {
    store.domains.patch(leaseOf(name), domain, (stored) => {
      delete stored.nextTry
      stored.claimedAt = 0
    })
    await own.look(FOREVER, true)
    return store.domains.find(leaseOf(name), domain)
  }
  const open = (name: string, domain: string, tenant = TENANT) => {
    const manifest = manifestOf(domain)
    store.saveLease({
      id: leaseOf(name),
      tenant,
      state: 'open',
      resources: { cpuMilli: 1, memoryMiB: 1, diskMiB: 1, gpus: 0 },
      running: { hash: leaseOf(name), manifest, images: {} },
      restarts: {},
      openedAt: 0,
    })
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cloister-domains-'))
    const httpPort = await freePort()
    names = await startNameServer()
    authority = await startAuthority(folder, { nameServer: names.port, httpPort })
    issuer = await authority.issuer()
    store = new Store(join(folder, 'worker.db'))
    const service = (socket: Socket) => void echo.emit('connection', socket)
    stage = await raiseDoors(
      [
        { name: 'shop', service },
        { name: 'thief', service },
      ],
      {
        secure: true,
        domains: (ingress, limits) =>
          new DomainDoor({
            ingress,
            limits,
            domainsOf: (id) => servedDomains({ store } as never, id),
            certificateOf: (id, domain) => store.domains.find(id, domain)?.certificate,
            routeOf: (id) => `${id}/`,
            passRaw: (_, __, stream, client, first) => {
              stream.end(`${client?.address} ${first.toString('latin1').length > 100}`)
            },
          }),
        api: (asked, answer) => {
          const match = /^\/v1\/leases\/(0x\w+)\/challenges\/([\w-]+)\?domain=(.*)$/.exec(asked.url ?? '')
          const [, lease = '', token = '', domain = ''] = match ?? []
          const found = challenges.find(lease as Hex, domain, token)
          answer.writeHead(found === undefined ? 404 : 200).end(found)
        },
        domainSettings: { nameServers: [`127.0.0.1:${names.port}`], httpPort },
      },
    )
    keeper = newKeeper()
    open('shop', 'app.example.org')
    open('thief', 'other.example.org', STRANGER)
  }, 60_000)
  afterAll(async () => {
    await stage?.end()
    await authority?.stop()
    names?.close()
    store?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const secure = (name: string, ...protocols: string[]) =>
    new Promise<TLSSocket>((done, reject) => {
      const socket = connectTls({
        host: '127.0.0.1',
        port: stage.gatewayPort,
        servername: name,
        ca: issuer,
        ALPNProtocols: protocols,
      })
      socket.once('error', reject)
      socket.once('secureConnect', () => done(socket))
    })
  const ask = async (name: string, headers: Record<string, string> = {}) => {
    const socket = await secure(name)
    return new Promise<{ status: number; text: string }>((done, reject) =>
      request({ createConnection: () => socket, path: '/x', headers: { host: name, ...headers } }, (answer) =>
        read(answer).then((text) => done({ status: answer.statusCode ?? 0, text })),
      )
        .on('error', reject)
        .end(),
    )
  }
  const read = async (answer: IncomingMessage) => {
    let text = ''
    for await (const piece of answer) text += piece
    return text
  }
  const plain = (host: string, path: string) =>
    new Promise<IncomingMessage>((done, reject) =>
      get(
        { host: '127.0.0.1', port: stage.gateway.httpPort, path, headers: { host }, agent: false },
        done,
      ).on('error', reject),
    )

  it('are served to nobody before DNS says whose they are', async () => {
    await expect(ask('app.example.org')).rejects.toThrow(/unrecognized name/)
    expect(await look('app.example.org')).toMatchObject({ claim: 'missing' })
    expect(told.at(-1) ?? told.at(-2)).toContain('no TXT record at _cloister')
  })

  it('are not served where the record names another lease, or another tenant', async () => {
    claim('app.example.org', `v=cloister1; lease=${leaseOf('thief')}`)
    expect(await look('app.example.org')).toMatchObject({ claim: 'other' })
    claim('other.example.org', `v=cloister1; tenant=${TENANT}; name=shop`)
    expect(await look('other.example.org', 'thief')).toMatchObject({ claim: 'other' })
    await expect(ask('other.example.org')).rejects.toThrow()
  })

  it('have certificates by the authority, with keys that were made in the worker', async () => {
    claim('app.example.org', `v=cloister1; lease=${leaseOf('shop')}`)
    expect(await look('app.example.org')).toMatchObject({ claim: 'found', failures: 0 })
    // Gateways remember for five seconds that there was no record.
    await delay(5_100)
    const stored = await look('app.example.org')
    expect(stored).toMatchObject({ failures: 0, certificate: { key: expect.any(String) } })
    expect(told.at(-1)).toMatch(/^certificate: app\.example\.org has a certificate by .*Pebble/)
    const socket = await secure('app.example.org')
    const spki = socket.getPeerX509Certificate()?.publicKey.export({ format: 'der', type: 'spki' }) as Buffer
    expect(`0x${createHash('sha256').update(spki).digest('hex')}`).toBe(
      factsOf(stored?.certificate as { chain: string }).keyHash,
    )
    socket.destroy()
  }, 40_000)

  it('reach their service, which is told who asks, whatever a client says of that', async () => {
    const { status, text } = await ask('app.example.org', { 'x-forwarded-for': '192.0.2.9' })
    expect(status).toBe(200)
    expect(JSON.parse(text)).toMatchObject({
      url: '/x',
      host: 'app.example.org',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'app.example.org',
    })
    expect(JSON.parse(text)).not.toHaveProperty('cloister-route')
  })

  it('speak HTTP/2 and WebSocket', async () => {
    const session = connectHttp2('https://app.example.org', {
      createConnection: () =>
        connectTls({
          host: '127.0.0.1',
          port: stage.gatewayPort,
          servername: 'app.example.org',
          ca: issuer,
          ALPNProtocols: ['h2'],
        }),
    })
    const stream = session.request({ ':path': '/two' })
    let text = ''
    for await (const piece of stream) text += piece
    session.destroy()
    expect(JSON.parse(text)).toMatchObject({ url: '/two', 'x-forwarded-for': '127.0.0.1' })
    const socket = await secure('app.example.org')
    socket.write(
      'GET / HTTP/1.1\r\nhost: app.example.org\r\nconnection: Upgrade\r\nupgrade: websocket\r\n' +
        'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
    let heard = ''
    socket.on('data', (piece) => (heard += piece))
    await vi.waitFor(() => expect(heard).toMatch(/^HTTP\/1\.1 101 /), 10_000)
    socket.write('hello there')
    await vi.waitFor(() => expect(heard).toMatch(/hello there$/), 10_000)
    socket.destroy()
  })

  it('answer for no other host on their connections', async () => {
    expect(await ask('app.example.org', { host: 'other.example.org' })).toMatchObject({ status: 421 })
  })

  it('leave the gateway its own names', async () => {
    const socket = connectTls({
      host: '127.0.0.1',
      port: stage.gatewayPort,
      servername: 'a.localhost',
      rejectUnauthorized: false,
    })
    await new Promise((done) => socket.once('secureConnect', done))
    expect(socket.getPeerX509Certificate()?.subject).toBe('CN=localhost')
    socket.destroy()
  })

  it('are found in a hello that comes in small pieces', async () => {
    const socket = connect({ host: '127.0.0.1', port: stage.gatewayPort, noDelay: true })
    const cut = new Duplex({
      read: () => {},
      write: (bytes: Buffer, _, done) => {
        const send = async () => {
          for (let at = 0; at < bytes.length; at += 7) {
            socket.write(bytes.subarray(at, at + 7))
            await new Promise(setImmediate)
          }
          done()
        }
        void send()
      },
    })
    socket.on('data', (data) => cut.push(data))
    const secured = connectTls({ socket: cut as never, servername: 'app.example.org', ca: issuer })
    await new Promise((done, reject) => secured.once('secureConnect', done).once('error', reject))
    expect(secured.authorized).toBe(true)
    socket.destroy()
  })

  it.each([
    ['something else', 'GET / HTTP/1.1\r\n\r\n'],
    ['a hello that is none', Buffer.from([22, 3, 1, 0, 5, 1, 0, 0, 1, 0])],
    ['an endless one', Buffer.concat([Buffer.from([22, 3, 1, 64, 0, 1, 0, 62, 0]), Buffer.alloc(16_400)])],
  ])('are kept from %s', async (_, bytes) => {
    const socket = connect({ host: '127.0.0.1', port: stage.gatewayPort })
    socket.on('error', () => {})
    socket.write(bytes)
    const [said] = await new Promise<[Buffer | undefined]>((done) => {
      let first: Buffer | undefined
      socket.on('data', (data) => (first ??= data))
      socket.on('close', () => done([first]))
    })
    // A fatal alert.
    expect(said?.subarray(0, 6) ?? Buffer.from([21, 3, 3, 0, 2, 2])).toEqual(Buffer.from([21, 3, 3, 0, 2, 2]))
  })

  it('pass TLS on to a container that ends it itself, with the client’s address', async () => {
    claim('raw.app.example.org', `v=cloister1; lease=${leaseOf('shop')}`)
    await look('raw.app.example.org')
    const hello = await new Promise<Buffer>((done) => {
      const wire = new Duplex({ read: () => {}, write: (bytes: Buffer) => done(Buffer.from(bytes)) })
      connectTls({ socket: wire as never, servername: 'raw.app.example.org' }).on('error', () => {})
    })
    const socket = connect({ host: '127.0.0.1', port: stage.gatewayPort })
    socket.write(hello)
    const said = await new Promise((done) => socket.once('data', done).once('close', done))
    expect(String(said)).toBe('127.0.0.1 true')
    socket.destroy()
  })

  it('lead plain HTTP to https, and hosts of nobody nowhere', async () => {
    const answer = await plain('app.example.org', '/a?b=c')
    expect(answer.statusCode).toBe(308)
    expect(answer.headers.location).toBe(`https://app.example.org:${stage.gatewayPort}/a?b=c`)
    expect((await plain('nobody.example.org', '/')).statusCode).toBe(421)
    expect((await plain('app.example.org', `/.well-known/acme-challenge/${'a'.repeat(40)}`)).statusCode).toBe(
      404,
    )
  })

  it('have certificates renewed after two thirds of their life, with another key', async () => {
    const before = store.domains.find(leaseOf('shop'), 'app.example.org')?.certificate as {
      key: string
      chain: string
    }
    const untouched = await look('app.example.org')
    expect(untouched?.certificate).toEqual(before)
    clock = 62 * 86_400_000
    const after = await look('app.example.org')
    clock = 0
    expect(after?.certificate?.key).not.toBe(before.key)
    expect(after?.certificate?.chain).not.toBe(before.chain)
    expect((await ask('app.example.org')).status).toBe(200)
  })

  it('have failures told, with the next try, and are served with what there is', async () => {
    await authority.stop()
    clock = 80 * 86_400_000
    const failed = await look('app.example.org')
    clock = 0
    expect(failed).toMatchObject({ failures: 1, failure: { message: expect.any(String) } })
    expect(told.find((line) => line.startsWith('certificate-expiring'))).toContain('app.example.org')
    expect(told.at(-1)).toMatch(/^certificate-failed: .* The next try is at /)
    expect((await ask('app.example.org')).status).toBe(200)
  })

  it('go on where a worker died, with an authority that has forgotten it', async () => {
    await authority.start()
    issuer = await authority.issuer()
    const key = store.domains.find(leaseOf('shop'), 'app.example.org')?.ordering?.key
    expect(key).toBeDefined()
    store.close()
    store = new Store(join(folder, 'worker.db'))
    keeper = newKeeper()
    clock = 80 * 86_400_000
    // The first try learns that the account is gone.
    let after = await look('app.example.org')
    if (after?.failures) after = await look('app.example.org')
    clock = 0
    expect(after).toMatchObject({ failures: 0 })
    expect((await ask('app.example.org')).status).toBe(200)
  })

  it('are served no more once their record names somebody else', async () => {
    claim('app.example.org', `v=cloister1; lease=${leaseOf('thief')}`)
    expect(await look('app.example.org')).toMatchObject({ claim: 'other' })
    expect(servedDomains({ store } as never, leaseOf('shop')).map(({ domain }) => domain)).toEqual([
      'raw.app.example.org',
    ])
    await expect(ask('app.example.org')).rejects.toThrow()
  })

  it('go with their keys when their lease ends', () => {
    store.domains.forget(leaseOf('shop'))
    expect(store.domains.find(leaseOf('shop'), 'app.example.org')).toBeUndefined()
    store.close()
    store = new Store(join(folder, 'worker.db'))
    expect(store.domains.find(leaseOf('shop'), 'app.example.org')).toBeUndefined()
  })
})

describe('a gateway and a worker on IPv6', () => {
  let stage: DoorsStage
  beforeAll(async () => {
    stage = await raiseDoors([{ name: 'shop', service: (socket) => void echo.emit('connection', socket) }], {
      ...{ secure: true, host: '::', workerHost: '::1', announcers: ['2001:db8::/32', '127.0.0.2'] },
    })
    stage.tell({ endpoint: `https://[::1]:${stage.workerPort}` })
  })
  afterAll(() => stage?.end())
  const ask = async (socket: Socket) => {
    const host = stage.hostOf('shop')
    const secured = connectTls({ socket, servername: host, rejectUnauthorized: false })
    secured.write(`GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
    let text = ''
    for await (const piece of secured) text += piece
    return /"x-forwarded-for":"([^"]*)"/.exec(text)?.[1]
  }

  it('serve clients of both, and say whose requests are as people write it', async () => {
    for (const host of ['::1', '127.0.0.1'])
      expect(await ask(connect({ host, port: stage.gatewayPort }))).toBe(host)
  })

  it('take the word of a load balancer that came by IPv4 on clients that come by IPv6', async () => {
    const via = () => connect({ host: '127.0.0.1', localAddress: '127.0.0.2', port: stage.gatewayPort })
    const end = { address: '2001:db8:1::7', port: 4711 }
    const socket = via()
    socket.write(writeProxyHeader('v2', end, { address: '2001:db8::1', port: 443 }))
    expect(await ask(socket)).toBe('2001:db8:1::7')
    const mapped = via()
    mapped.write(
      writeProxyHeader('v2', { address: '192.0.2.7', port: 1 }, { address: '2001:db8::1', port: 1 }),
    )
    expect(await ask(mapped)).toBe('192.0.2.7')
  })
})

describe('a gateway behind a load balancer', () => {
  let stage: DoorsStage
  beforeAll(async () => {
    stage = await raiseDoors([{ name: 'shop', service: (socket) => void echo.emit('connection', socket) }], {
      secure: true,
      announcers: ['127.0.0.0/8'],
    })
  })
  afterAll(() => stage?.end())

  it('takes its word on whose a connection is, and nothing without one', async () => {
    const address = { host: '127.0.0.1', port: stage.gatewayPort }
    const host = stage.hostOf('shop')
    const socket = connect(address)
    socket.write('PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n')
    const secured = connectTls({ socket, servername: host, rejectUnauthorized: false })
    secured.write(`GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
    let text = ''
    for await (const piece of secured) text += piece
    expect(text).toContain('"x-forwarded-for":"192.0.2.7"')
    const without = connectTls({ ...address, servername: host, rejectUnauthorized: false })
    await expect(
      new Promise((done, reject) => without.on('error', reject).on('secureConnect', done)),
    ).rejects.toThrow()
  })
})
