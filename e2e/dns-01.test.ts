import { createHash, randomBytes } from 'node:crypto'
import { Resolver } from 'node:dns/promises'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { request } from 'node:https'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { type DnsAccess, parseManifest } from '@cloister/core'
import { NameServers } from '@cloister/transport'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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
import { hasKnot, startKnot } from './knot.ts'

const TENANT: Hex = `0x${'11'.repeat(20)}`
/** The id that the stage gives a lease of the name `shop`. */
const LEASE: Hex = `0x${createHash('sha256').update('shop').digest('hex')}`
const FOREVER = new AbortController().signal
const PRIMARY = '127.0.0.1'
const SECONDARY = '127.0.0.2'

/** Says which host it was asked for. */
const echo = createServer((asked, answer) => answer.end(String(asked.headers.host)))

describe.skipIf(!hasAuthority || !hasKnot)('certificates by DNS', () => {
  const key = { name: 'acme', algorithm: 'hmac-sha256' as const, secret: randomBytes(32).toString('base64') }
  const told: string[] = []
  let folder: string
  let port: number
  let stage: DoorsStage
  let authority: TestAuthority
  let issuer: string
  let store: Store
  let keeper: DomainKeeper
  const ends: (() => unknown)[] = []
  const resolver = new Resolver()
  const challengesAt = (name: string) => resolver.resolveTxt(name).catch(() => [])
  const give = (dns: DnsAccess | undefined) =>
    store.patchLease(LEASE, (stored) => {
      if (dns) stored.dns = dns
      else delete stored.dns
    })
  const look = async (domain: string) => {
    store.domains.patch(LEASE, domain, (stored) => {
      delete stored.nextTry
    })
    await keeper.look(FOREVER, true)
    return store.domains.find(LEASE, domain)
  }
  const access = (): DnsAccess => ({ server: `${PRIMARY}:${port}`, key })

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cloister-dns-'))
    port = await freePort()
    const zone = 'example.org'
    const primary = await startKnot(folder, {
      ...{ address: PRIMARY, port, zone, secondary: SECONDARY },
      key: { name: key.name, secret: key.secret, below: 'acme' },
      records: [
        `@ NS ns1\n@ NS ns2\nns1 A ${PRIMARY}\nns2 A ${SECONDARY}`,
        // The tenant gives away one name, which is of no other use.
        '_acme-challenge CNAME shop.acme\n_acme-challenge.app CNAME shop.acme\n@ A 127.0.0.1\n* A 127.0.0.1',
        `_cloister TXT "v=cloister1; lease=${LEASE}"`,
        `_cloister.app TXT "v=cloister1; lease=${LEASE}"`,
        `_cloister.own TXT "v=cloister1; lease=${LEASE}"`,
      ],
    })
    const secondary = await startKnot(folder, { address: SECONDARY, port, zone, primary: PRIMARY })
    ends.push(primary.stop, secondary.stop)
    resolver.setServers([`${PRIMARY}:${port}`])
    authority = await startAuthority(folder, { nameServer: port, httpPort: await freePort() })
    ends.push(() => authority.stop())
    issuer = await authority.issuer()
    store = new Store(join(folder, 'worker.db'))
    stage = await raiseDoors(
      [{ name: 'shop', service: (socket: Socket) => void echo.emit('connection', socket) }],
      {
        secure: true,
        domains: (ingress, limits) =>
          new DomainDoor({
            ...{ ingress, limits },
            domainsOf: (id) => servedDomains({ store } as never, id),
            certificateOf: (id, domain) => store.domains.find(id, domain)?.certificate,
            routeOf: (id) => `${id}/`,
            passRaw: (_, __, stream) => void stream.destroy(),
          }),
        domainSettings: { nameServers: [`${PRIMARY}:${port}`], httpPort: await freePort() },
      },
    )
    ends.push(() => stage.end())
    const names = new NameServers([`${PRIMARY}:${port}`])
    const rules = { allowsInternal: true }
    const dns = new DnsChallenges({ store, names, rules, log: () => {}, port })
    keeper = new DomainKeeper({
      store,
      texts: (name) => names.texts(name),
      authority: new AcmeAuthority(
        { directory: authority.directory, contact: [], agreesToTerms: true, roots: authority.roots },
        { store, challenges: new Challenges(), dns },
      ),
      event: (_, kind, message) => told.push(`${kind}: ${message}`),
      log: () => {},
    })
    const { manifest } = parseManifest(
      'services: { web: { image: a, ports: ["80"], x-domains: ["*.example.org", app.example.org, own.example.org] } }',
      { file: 'compose.yaml' },
    )
    store.saveLease({
      ...{ id: LEASE, tenant: TENANT, state: 'open', restarts: {}, openedAt: 0 },
      resources: { cpuMilli: 1, memoryMiB: 1, diskMiB: 1, gpus: 0 },
      running: { hash: LEASE, manifest, images: {} },
    })
    // The records are found, and gateways forget that there were none.
    await keeper.look(FOREVER, true)
  }, 60_000)
  afterAll(async () => {
    for (const end of ends.reverse()) await end()
    store?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const ask = async (name: string) => {
    const socket = await new Promise<TLSSocket>((done, reject) => {
      const opened = connectTls({ host: PRIMARY, port: stage.gatewayPort, servername: name, ca: issuer })
      opened.once('error', reject).once('secureConnect', () => done(opened))
    })
    const spki = socket.getPeerX509Certificate()?.publicKey.export({ format: 'der', type: 'spki' }) as Buffer
    const text = await new Promise<string>((done, reject) =>
      request({ createConnection: () => socket, path: '/', headers: { host: name } }, (answer) => {
        let said = ''
        answer.on('data', (piece) => (said += piece)).on('end', () => done(said))
      })
        .on('error', reject)
        .end(),
    )
    return { text, keyHash: `0x${createHash('sha256').update(spki).digest('hex')}` }
  }

  it('are not had for a wildcard while its tenant has given no access', async () => {
    const { failure, certificate } = (await look('*.example.org')) ?? {}
    expect(certificate).toBeUndefined()
    expect(failure?.message).toContain('given no access')
    // Domains are looked at side by side, and what is told of each comes as it is done.
    expect(told).toContainEqual(
      expect.stringMatching(/^certificate-failed: \*\.example\.org has no new certificate: .*by DNS alone/),
    )
  })

  it.each([
    ['a key that is not known', { name: 'other' }, 'takes no signature by other: the key is not known there'],
    [
      'another secret',
      { secret: randomBytes(32).toString('base64') },
      'the secret of the key is another one',
    ],
  ])('are not had with %s, and that is told', async (_, wrong, message) => {
    give({ ...access(), key: { ...key, ...wrong } })
    expect((await look('*.example.org'))?.failure?.message).toContain(message)
  })

  it('are had for a wildcard, whose challenge is at a name that the tenant gave away', async () => {
    give(access())
    const stored = await look('*.example.org')
    expect(stored?.failure).toBeUndefined()
    expect(stored?.certificate).toBeDefined()
    expect(told).toContainEqual(
      expect.stringMatching(/^certificate: \*\.example\.org has a certificate by .*Pebble/),
    )
    // Nothing of it is left, in DNS or in the store.
    expect(stored?.published).toBeUndefined()
    expect(await challengesAt('shop.acme.example.org')).toEqual([])
  }, 30_000)

  it('are served by SNI for every name below it, with the key that was made in the worker', async () => {
    const { certificate } = store.domains.find(LEASE, '*.example.org') ?? {}
    const { keyHash } = factsOf(certificate as { chain: string })
    for (const name of ['one.example.org', 'two.example.org'])
      expect(await ask(name)).toEqual({ text: name, keyHash })
    await expect(ask('a.b.example.org')).rejects.toThrow()
  })

  it('are had for a single domain before it leads anywhere', async () => {
    expect((await look('app.example.org'))?.certificate).toBeDefined()
    expect((await ask('app.example.org')).text).toBe('app.example.org')
  }, 30_000)

  it('are asked for over HTTP where the key is of no use, and say why if that fails too', async () => {
    const { failure } = (await look('own.example.org')) ?? {}
    expect(failure?.message).toMatch(/The certificate authority says/)
    expect(await challengesAt('_acme-challenge.own.example.org')).toEqual([])
  }, 30_000)

  it('take away what a try has left that was broken off', async () => {
    const left = { zone: 'example.org', name: 'shop.acme.example.org', text: 'left' }
    const { NameServer } = await import('../packages/agent/src/domains/dns/name-server.ts')
    const server = new NameServer(`${PRIMARY}:${port}`, { allowsInternal: true })
    await server.change('add', left, key, FOREVER)
    expect(await challengesAt(left.name)).toEqual([['left']])
    store.domains.patch(LEASE, 'app.example.org', (stored) => {
      stored.published = [left]
      delete stored.certificate
    })
    expect((await look('app.example.org'))?.published).toBeUndefined()
    expect(await challengesAt(left.name)).toEqual([])
  }, 30_000)
})
