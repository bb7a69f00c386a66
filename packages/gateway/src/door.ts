import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Duplex } from 'node:stream'
import { type LeaseRecord, ROUTE_HEADER } from '@cloister/core'
import { CORRELATION, DialAgent, relayRequest, relayUpgrade } from '@cloister/relay'
import { dialEndpoint, targetOf } from './dial.ts'
import type { Wanted } from './host.ts'
import { PAGES, type Page, render } from './pages.ts'
import type { Resolver } from './resolve.ts'

/** Limits a gateway sets. */
export interface Limits {
  maxBodyBytes: number
  answerMs: number
}

type Incoming = IncomingMessage | Http2ServerRequest
type Outgoing = ServerResponse | Http2ServerResponse

/** Leads requests to the workers of leases, and to nowhere else. */
export class Door {
  readonly agent: DialAgent
  private readonly resolver: Resolver
  private readonly limits: Limits

  constructor(resolver: Resolver, limits: Limits, allowPrivate: boolean) {
    this.resolver = resolver
    this.limits = limits
    this.agent = new DialAgent((endpoint) => dialEndpoint(endpoint, allowPrivate))
  }

  async request(wanted: Wanted, secure: boolean, request: Incoming, response: Outgoing): Promise<void> {
    const lease = await this.find(wanted)
    if ('status' in lease) return show(lease, request, response)
    relayRequest(request, response, {
      agent: this.agent,
      target: targetOf(lease),
      headers: this.headers(lease, wanted, secure, request),
      maxBodyBytes: this.limits.maxBodyBytes,
      timeoutMs: this.limits.answerMs,
      intercept: (answer) => {
        const state = answer.statusCode === 503 || answer.statusCode === 404 ? answer.headers['cloister-state'] : undefined
        if (state !== 'starting' && state !== 'unknown') return false
        answer.resume()
        show(PAGES[state], request, response)
        return true
      },
      refuse: (status) => show(status === 413 ? PAGES.tooLarge : status === 504 ? PAGES.late : PAGES.unreachable, request, response),
    })
  }

  async upgrade(wanted: Wanted, secure: boolean, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const lease = await this.find(wanted)
    if ('status' in lease) return void socket.end(`HTTP/1.1 ${lease.status} Refused\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`)
    relayUpgrade(request, socket, head, {
      agent: this.agent,
      target: targetOf(lease),
      headers: this.headers(lease, wanted, secure, request),
      timeoutMs: this.limits.answerMs,
    })
  }

  close(): void {
    this.agent.destroy()
  }

  private async find(wanted: Wanted): Promise<LeaseRecord | Page> {
    const lease = await this.resolver.find(wanted.key).catch(() => PAGES.blind)
    if (!lease) return PAGES.unknown
    if ('status' in lease) return lease
    if (lease.state === 'closed') return PAGES.closed
    return URL.canParse(lease.endpoint) && /^https?:/.test(lease.endpoint) ? lease : PAGES.unreachable
  }

  /** Whatever the client said of these, we know better. */
  private headers(lease: LeaseRecord, wanted: Wanted, secure: boolean, request: Incoming): Record<string, string | undefined> {
    const host = request.headers[':authority'] ?? request.headers.host
    return {
      [ROUTE_HEADER]: `${lease.lease}/${wanted.label}`,
      host: String(host ?? ''),
      'x-forwarded-for': request.socket.remoteAddress ?? '',
      'x-forwarded-proto': secure ? 'https' : 'http',
      'x-forwarded-host': String(host ?? ''),
      forwarded: undefined,
      [CORRELATION]: String(request.headers[CORRELATION] ?? randomUUID()).slice(0, 100),
    }
  }
}

/** Answers with a page of our own. */
export function show(page: Page, request: Incoming, response: Outgoing): void {
  const { status, headers, body } = render(page, request.headers.accept)
  const head = response as ServerResponse
  // What is left of a body nobody wants is not read.
  if (request.httpVersionMajor === 1 && !request.complete) headers['connection'] = 'close'
  head.writeHead(status, headers)
  head.end(request.method === 'HEAD' ? undefined : body)
}
