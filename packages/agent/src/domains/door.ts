import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import { domainFor, isOfDomain, type ManifestDomain } from '@cloister/core'
import {
  type AddressLimits,
  AUTHORITY,
  answerOn,
  CORRELATION,
  comesFrom,
  type End,
  fieldOf,
  type Incoming,
  LEASE_VALUE,
  type MuxStream,
  type Outgoing,
  openFront,
  type ProxyHeader,
  plainAddress,
  type RequestHead,
  readProxyHeader,
  type Way,
} from '@cloister/transport'
import { bytesToHex, type Hex } from 'viem'
import { type Ingress, refuse } from '../api/ingress.ts'
import type { StoredCertificate } from './domain-store.ts'

/** Milliseconds for the header of a stream, and for the handshake behind it. */
const HEADER_MS = 5_000
const HANDSHAKE_MS = 15_000
const MOST_HEADER_BYTES = 8 * 1024
const MAX_CONTEXTS = 1_000

/** What a door for domains needs of the worker. */
export interface DomainDoorParts {
  ingress: Ingress
  /** Domains of an open lease that are its tenant's; of HTTP ports and of TCP ports. */
  domainsOf(lease: Hex): ManifestDomain[]
  certificateOf(lease: Hex, domain: string): StoredCertificate | undefined
  /** The route of a domain's HTTP port, as the route header has it. */
  routeOf(lease: Hex, domain: ManifestDomain): string
  /** Hands a connection on as it is, to a TCP port. */
  passRaw(lease: Hex, domain: ManifestDomain, stream: Duplex, client: End | undefined, first: Buffer): void
  /** Counts requests, by clients' networks. */
  limits: AddressLimits
}

const PASSED = Symbol('what a connection is passed on for')

/** Which lease a TLS connection is for, and whose it is. */
interface Passed {
  lease: Hex
  /** The domain that the client was shown a certificate of. */
  domain: ManifestDomain
  client: string
}

/** Headers that say where a request comes from: what a client says of it is not passed on. */
const REPLACED = [
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-real-ip',
  'forwarded',
  CORRELATION,
  'cloister-route',
]

/**
 * Takes what gateways pass on of tenants' domains: a stream that begins with a header of the PROXY protocol,
 * with the lease and the name in it, then TLS as the client sends it. It ends here, with keys that were made
 * here, or goes on to a container that ends it itself.
 */
export class DomainDoor {
  private readonly parts: DomainDoorParts
  private readonly front: Server
  private readonly contexts = new Map<string, SecureContext>()
  private readonly open = new Set<Duplex>()

  constructor(parts: DomainDoorParts) {
    this.parts = parts
    this.front = openFront({
      tls: 'ended',
      handle: (request, response) => this.request(request, response),
      upgrade: (request, socket, head) => this.upgrade(request, socket, head),
      direct: {
        find: (head, client) => this.way(head, client),
        dial: (target) => parts.ingress.connect(target),
        replaced: new Set(['host', ...REPLACED]),
        removed: new Set(),
        tellsKeepAlive: true,
      },
    })
  }

  /** Whether a stream's first bytes say that it is passed on; requests never begin so. */
  static isPassed(first: Buffer): boolean {
    return first[0] === 0x0d
  }

  /** Takes a stream that is passed on. */
  take(stream: MuxStream): void {
    this.open.add(stream)
    stream.once('close', () => this.open.delete(stream))
    let held: Buffer = Buffer.alloc(0)
    const fail = () => stream.destroy()
    const timer = setTimeout(fail, HEADER_MS)
    stream.once('close', () => clearTimeout(timer))
    const read = (piece: Buffer) => {
      held = Buffer.concat([held, piece])
      const found = readProxyHeader(held)
      if (found.state === 'more' && held.length < MOST_HEADER_BYTES) return
      stream.off('data', read).off('end', fail)
      stream.pause()
      clearTimeout(timer)
      if (found.state === 'read') this.begin(stream, found.header, held.subarray(found.bytes))
      else fail()
    }
    stream.on('data', read).on('end', fail)
  }

  /** No requests are taken any more on connections that are open. */
  drain(): void {
    this.front.emit('draining')
  }

  close(): void {
    this.front.emit('draining')
    this.front.emit('close')
    this.front.close()
    for (const stream of this.open) stream.destroy()
  }

  private begin(stream: Duplex, { client, values }: ProxyHeader, first: Buffer): void {
    const lease = values.get(LEASE_VALUE)
    const name = values.get(AUTHORITY)?.toString('latin1') ?? ''
    if (lease?.length !== 32) return void stream.destroy()
    const id = bytesToHex(lease)
    const domain = domainFor(name, this.parts.domainsOf(id))
    if (!domain) return void stream.destroy()
    if (domain.protocol === 'tcp') return this.parts.passRaw(id, domain, stream, client, first)
    this.secure(stream, { lease: id, domain, client: plainAddress(client?.address ?? '') }, name, first)
  }

  private secure(stream: Duplex, passed: Passed, name: string, first: Buffer): void {
    const context = this.contextOf(passed.lease, passed.domain.domain)
    if (!context) return void stream.destroy()
    if (first.length > 0) stream.unshift(first)
    const socket = new TLSSocket(stream, {
      isServer: true,
      secureContext: context,
      ALPNProtocols: ['h2', 'http/1.1'],
      SNICallback: (asked: string, done: (error: Error | null, context?: SecureContext) => void) =>
        asked.toLowerCase() === name ? done(null, context) : done(new Error('it asks for another name')),
    } as ConstructorParameters<typeof TLSSocket>[1])
    Object.defineProperty(socket, PASSED, { value: passed })
    if (passed.client !== '') comesFrom(socket, passed.client, 0)
    const fail = () => {
      socket.destroy()
      stream.destroy()
    }
    const timer = setTimeout(fail, HANDSHAKE_MS)
    socket.on('error', fail)
    socket.once('close', () => {
      clearTimeout(timer)
      stream.destroy()
    })
    stream.once('close', () => socket.destroy())
    socket.once('secure', () => {
      clearTimeout(timer)
      // As Node's server of TLS says it; what reads HTTP/2 waits for it.
      Object.assign(socket, { secureConnecting: false })
      this.front.emit('secureConnection', socket)
    })
  }

  private contextOf(lease: Hex, domain: string): SecureContext | undefined {
    const certificate = this.parts.certificateOf(lease, domain)
    if (!certificate) return undefined
    const { key, chain } = certificate
    let context = this.contexts.get(chain)
    if (!context) {
      context = createSecureContext({ key, cert: chain, minVersion: 'TLSv1.2' })
      if (this.contexts.size >= MAX_CONTEXTS) this.contexts.clear()
      this.contexts.set(chain, context)
    }
    return context
  }

  /**
   * The route of a request, by the host that it names: one that its connection's certificate is for. Others
   * of a wildcard's may come over one connection (RFC 9113, section 9.1.1).
   */
  private routeOf(passed: Passed | undefined, host: string): string | undefined {
    if (!passed) return undefined
    const name = host
      .toLowerCase()
      .replace(/:\d{1,5}$/, '')
      .replace(/\.$/, '')
    const { lease, domain } = passed
    if (!isOfDomain(name, domain.domain)) return undefined
    const meant = domainFor(name, this.parts.domainsOf(lease))
    return meant?.protocol === 'http' ? this.parts.routeOf(lease, meant) : undefined
  }

  private way(head: RequestHead, client: Duplex): Way | undefined {
    const passed = (client as { [PASSED]?: Passed })[PASSED]
    const route = this.routeOf(passed, head.host)
    if (!passed || route === undefined || this.parts.limits.take(passed.client) > 0) return undefined
    const way = this.parts.ingress.wayTo(route)
    if (!way) {
      this.parts.limits.giveBack(passed.client)
      return undefined
    }
    const said = fieldOf(head.fields, CORRELATION)
    const set = { host: head.host, ...forwardedOf(passed.client, head.host, said) }
    const lines = Object.entries(set).map(([name, value]) => `${name}: ${value}\r\n`)
    return Object.assign(way, { lines: lines.join('') })
  }

  private request(request: Incoming, response: Outgoing): void {
    const passed = this.passedOf(request)
    const host = String(request.headers[':authority'] ?? request.headers.host ?? '')
    const route = this.routeOf(passed, host)
    if (!passed || route === undefined) return misdirected(response)
    if (this.parts.limits.take(passed.client) > 0) return refuse({ state: 'busy' }, request, response)
    this.parts.ingress.lead(route, request, response, this.headersOf(passed, host, request))
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const passed = (socket as { [PASSED]?: Passed })[PASSED]
    const host = request.headers.host ?? ''
    const route = this.routeOf(passed, host)
    if (!passed || route === undefined) return misdirected(answerOn(request, socket))
    if (this.parts.limits.take(passed.client) > 0)
      return refuse({ state: 'busy' }, request, answerOn(request, socket))
    this.parts.ingress.leadUpgrade(route, request, socket, head, this.headersOf(passed, host, request))
  }

  /** The connection of a request; one of HTTP/2 has a stand-in for it, which tells what was put there. */
  private passedOf(request: Incoming): Passed | undefined {
    return (request.socket as { [PASSED]?: Passed } | undefined)?.[PASSED]
  }

  private headersOf(
    { client }: Passed,
    host: string,
    { headers }: Incoming,
  ): Record<string, string | undefined> {
    const said = headers[CORRELATION]
    const all: Record<string, string | undefined> = {}
    for (const name of REPLACED) all[name] = undefined
    return { ...all, host, ...forwardedOf(client, host, said === undefined ? undefined : String(said)) }
  }
}

function forwardedOf(
  client: string,
  host: string,
  correlation: string = randomUUID(),
): Record<string, string> {
  return {
    'x-forwarded-for': client,
    'x-forwarded-proto': 'https',
    'x-forwarded-host': host,
    [CORRELATION]: correlation.slice(0, 100),
  }
}

function misdirected(response: Outgoing): void {
  const body = 'This connection is for another host.\n'
  const plain = response as ServerResponse
  plain.writeHead(421, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(body) }).end(body)
}
