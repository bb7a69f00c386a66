import { randomUUID } from 'node:crypto'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import {
  CloisterError,
  type LeaseRecord,
  ROUTE_HEADER,
  ROUTE_STATES,
  STATE_DETAIL_HEADER,
  STATE_HEADER,
} from '@cloister/core'
import {
  type AllowedSilence,
  type Answer,
  answerOn,
  CORRELATION,
  DialAgent,
  http1Upstream,
  type Incoming,
  linger,
  MuxPool,
  type Outgoing,
  type Refusal,
  relayRequest,
  relayUpgrade,
} from '@cloister/transport'
import { dialEndpoint, targetOf } from './dial.ts'
import type { Wanted } from './host.ts'
import type { GatewayObserver } from './observer.ts'
import { failing, PAGES, type Page, refused, render, tooLarge } from './pages.ts'
import type { Resolver } from './resolve.ts'

/** Limits a gateway sets. */
export interface Limits {
  maxBodyBytes: number
  silence: AllowedSilence
}

/** Leads requests to the workers of leases, and to nowhere else. */
export class Door {
  readonly agent: DialAgent
  private readonly pool: MuxPool
  private readonly resolver: Resolver<LeaseRecord>
  private readonly limits: Limits

  constructor(
    resolver: Resolver<LeaseRecord>,
    limits: Limits,
    isDevelopment: boolean,
    observer: GatewayObserver,
  ) {
    this.resolver = resolver
    this.limits = limits
    this.pool = new MuxPool(async (target) => {
      try {
        const connection = await dialEndpoint(target, isDevelopment)
        observer.dialled('connected')
        return connection
      } catch (error) {
        observer.dialled(isUnattested(error) ? 'unattested' : 'unreachable')
        throw error
      }
    })
    this.agent = new DialAgent((target) => this.pool.dial(target))
  }

  async request(wanted: Wanted, secure: boolean, request: Incoming, response: Outgoing): Promise<void> {
    const lease = await this.find(wanted)
    if ('status' in lease) return show(lease, request, response)
    relayRequest(request, response, {
      upstream: http1Upstream(this.agent, targetOf(lease)),
      headers: this.headers(lease, wanted, secure, request),
      ...this.limits,
      intercept: (answer) => {
        const page = pageOf(answer)
        if (page) show(page, request, response)
        return page !== undefined
      },
      refuse: (refusal) => show(pageFor(refusal), request, response),
    })
  }

  async upgrade(
    wanted: Wanted,
    secure: boolean,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<void> {
    const lease = await this.find(wanted)
    if ('status' in lease) return show(lease, request, answerOn(request, socket))
    relayUpgrade(request, socket, head, {
      agent: this.agent,
      target: targetOf(lease),
      headers: this.headers(lease, wanted, secure, request),
      answerMs: this.limits.silence.answerMs,
      refuse: (refusal, response) => show(pageFor(refusal), request, response),
    })
  }

  close(): void {
    this.agent.destroy()
    this.pool.close()
  }

  private async find(wanted: Wanted): Promise<LeaseRecord | Page> {
    const lease = await this.resolver.find(wanted.key).catch(() => PAGES.blind)
    if (!lease) return PAGES.unknown
    if ('status' in lease) return lease
    if (lease.state === 'closed') return PAGES.closed
    return URL.canParse(lease.endpoint) && /^https?:/.test(lease.endpoint) ? lease : PAGES.unreachable
  }

  /** Whatever the client said of these, we know better. */
  private headers(
    lease: LeaseRecord,
    wanted: Wanted,
    secure: boolean,
    request: Incoming,
  ): Record<string, string | undefined> {
    const host = request.headers[':authority'] ?? request.headers.host
    return {
      [ROUTE_HEADER]: `${lease.lease}/${wanted.label}`,
      host: String(host ?? ''),
      'x-forwarded-for': request.socket.remoteAddress ?? '',
      'x-forwarded-proto': secure ? 'https' : 'http',
      'x-forwarded-host': String(host ?? ''),
      'x-real-ip': undefined,
      forwarded: undefined,
      [CORRELATION]: String(request.headers[CORRELATION] ?? randomUUID()).slice(0, 100),
    }
  }
}

function isUnattested(error: unknown): boolean {
  return error instanceof CloisterError && error.code === 'not-attested'
}

/** The page for what a worker says in its own name; undefined for an answer of a service. */
function pageOf({ headers }: Answer): Page | undefined {
  const said = headers[STATE_HEADER]
  const state = ROUTE_STATES.find((known) => known === said)
  // It becomes a part of a page.
  const detail = /^[\w .,:-]{1,100}$/.exec(String(headers[STATE_DETAIL_HEADER]))?.[0] ?? ''
  if (state === 'failing') return failing(detail || 'ends again and again')
  if (state === 'too-large') return /^\d{1,15}$/.test(detail) ? tooLarge(Number(detail)) : PAGES.tooLarge
  if (state === 'refused') return refused(400, detail || 'its worker refuses it')
  return (
    state &&
    {
      unknown: PAGES.unknown,
      starting: PAGES.starting,
      late: PAGES.late,
      unreachable: PAGES.unreachable,
      busy: PAGES.busy,
    }[state]
  )
}

export function pageFor({ status, limitBytes, message }: Refusal): Page {
  if (limitBytes !== undefined) return tooLarge(limitBytes)
  if (status === 502) return PAGES.unreachable
  if (status === 504) return PAGES.late
  return status === 408 ? PAGES.slow : refused(status, message)
}

/** Answers with a page of our own, where there is still somebody to answer. */
export function show(page: Page, request: Incoming, response: Outgoing): void {
  const { status, headers, body } = render(page, request.headers.accept)
  const content: OutgoingHttpHeaders = { ...headers, 'content-length': Buffer.byteLength(body) }
  if (
    response.headersSent ||
    response.destroyed ||
    ('stream' in response && (response.stream?.destroyed ?? true))
  )
    return
  const plain = response as ServerResponse
  plain.writeHead(status, content)
  plain.end(request.method === 'HEAD' ? undefined : body)
  linger(request)
}
