import { randomUUID } from 'node:crypto'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import {
  CloisterError,
  type LeaseRecord,
  ROUTE_HEADER,
  ROUTE_STATES,
  type RouteState,
  STATE_DETAIL_HEADER,
  STATE_HEADER,
} from '@cloister/core'
import {
  type AllowedSilence,
  type AnswerHead,
  answerOn,
  CORRELATION,
  DialAgent,
  type DirectFrontParts,
  fieldOf,
  framingOf,
  http1Upstream,
  type Incoming,
  linger,
  MuxPool,
  type MuxStream,
  type Outgoing,
  plainAddress,
  type Refusal,
  type RelayOptions,
  type RequestHead,
  relayRequest,
  relayUpgrade,
  SAFE,
  type Said,
  type Way,
} from '@cloister/transport'
import { dialEndpoint, leaseIn, targetOf } from './dial.ts'
import { cookieFor, tokenIn, tokenOf } from './groups/affinity.ts'
import { type Groups, leadsToGroup } from './groups/groups.ts'
import type { Wanted } from './host.ts'
import type { GatewayObserver } from './observer.ts'
import { failing, PAGES, type Page, refused, render, tooLarge } from './pages.ts'
import type { Resolver } from './resolve.ts'

/** Limits a gateway sets. */
export interface Limits {
  maxBodyBytes: number
  silence: AllowedSilence
}

/** What a door is made of. */
export interface DoorParts {
  resolver: Resolver<LeaseRecord>
  /** Replicas that are reached together; made of this door. */
  groups: (door: Door) => Groups
  limits: Limits
  /** Clients come over TLS. */
  secure: boolean
  /** Workers may be on private addresses. */
  isDevelopment: boolean
  observer: GatewayObserver
}

/** Leads requests to the workers of leases, and to nowhere else. */
export class Door {
  readonly agent: DialAgent
  readonly groups: Groups
  private readonly pool: MuxPool
  private readonly resolver: Resolver<LeaseRecord>
  private readonly limits: Limits
  private readonly secure: boolean
  /** Targets of leases as they were found; none is ''. */
  private readonly targets = new WeakMap<LeaseRecord, string>()

  constructor({ resolver, groups, limits, secure, isDevelopment, observer }: DoorParts) {
    this.resolver = resolver
    this.limits = limits
    this.secure = secure
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
    this.groups = groups(this)
  }

  /** Connects to the worker of a lease. Rejects where nobody listens. */
  reach(lease: LeaseRecord): Promise<void> {
    return this.pool.reach(targetOf(lease))
  }

  /** A stream or a connection to the worker of a target. Rejects where nobody listens. */
  dial(target: string): Promise<Duplex> {
    return this.pool.dial(target)
  }

  /** A stream to the worker of a target; undefined where it takes none. Rejects where nobody listens. */
  stream(target: string): Promise<MuxStream | undefined> {
    return this.pool.stream(target)
  }

  /** What the direct way needs of a door, besides `way`. */
  get direct(): Pick<DirectFrontParts, 'dial' | 'replaced' | 'removed' | 'tellsKeepAlive'> {
    return {
      dial: (target) =>
        this.pool.stream(target).catch((error) => {
          const lease = leaseIn(target)
          if (this.groups.balance.isKnown(lease)) this.groups.balance.failed(lease)
          throw error
        }),
      replaced: REPLACED,
      removed: new Set(),
      tellsKeepAlive: true,
    }
  }

  /**
   * Leads a request. It answers with a page where anything goes wrong that nobody thought of: one request
   * must not end the others.
   */
  request(wanted: Wanted, request: Incoming, response: Outgoing): void {
    this.lead(wanted, request, response).catch(() => show(PAGES.unreachable, request, response))
  }

  /** Leads a request for another protocol. */
  upgrade(wanted: Wanted, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy())
    this.leadUpgrade(wanted, request, socket, head).catch(() => socket.destroy())
  }

  private async lead(wanted: Wanted, request: Incoming, response: Outgoing): Promise<void> {
    const lease = await this.find(wanted)
    if ('status' in lease) return show(lease, request, response)
    if (!leadsToGroup(wanted.key, lease)) return this.relay(lease, wanted, request, response)
    const cookies = request.headers.cookie
    const wish = { token: tokenIn(cookies), tried: new Set<string>() }
    const mayRepeat = hasNoBody(request)
    // It has ended then by the time that it may be sent once more.
    if (mayRepeat) request.resume()
    await this.leadToMember({ lease, wanted, wish, mayRepeat, left: 0 }, request, response)
  }

  /** Leads a request to a member of a group, and to another one where it isn't served there. */
  private async leadToMember(
    trip: Trip,
    request: Incoming,
    response: Outgoing,
    last: Page = PAGES.unreachable,
  ): Promise<void> {
    const { lease, wanted, wish, mayRepeat } = trip
    const { balance } = this.groups
    const member = await this.groups.reached(lease, wish)
    if (!member) return show(last, request, response)
    const ended = balance.begin(member.lease)
    response.once('close', ended)
    const isNew = tokenOf(member.lease) !== wish.token
    const again = (page: Page) => {
      ended()
      wish.tried.add(member.lease)
      this.leadToMember(trip, request, response, page).catch(() => show(page, request, response))
    }
    this.relay(member, wanted, request, response, {
      cookie: isNew ? cookieFor(member.lease, this.secure) : undefined,
      lost: () => balance.failed(member.lease),
      failed: () => balance.requestFailed(member.lease),
      // A few times: what is slow everywhere isn't asked of all.
      watch: (leave) =>
        this.groups.watch(lease, member, () => {
          if (trip.left >= MOST_LEFT || !mayRepeat || !leave()) return
          trip.left++
          again(PAGES.unreachable)
        }),
      elsewhere: (state, page) => {
        if (isAway(state)) balance.reported(member.lease, false)
        if (!mayRepeat || !isUnserved(state, request.method)) return false
        again(page)
        return true
      },
    })
  }

  private relay(
    lease: LeaseRecord,
    wanted: Wanted,
    request: Incoming,
    response: Outgoing,
    { cookie, lost, failed, elsewhere, watch }: MemberRelay = {},
  ): void {
    relayRequest(request, response, {
      upstream: http1Upstream(this.agent, targetOf(lease)),
      headers: this.headersOf(lease, wanted, request),
      ...this.limits,
      ...(watch && { watch }),
      intercept: ({ status, headers }) => {
        const page = pageOf((name) => headers[name])
        if (isFailure(status) && !isAway(headers[STATE_HEADER])) failed?.()
        if (page && !elsewhere?.(headers[STATE_HEADER], page)) show(page, request, response)
        // Nobody is led again to what fails.
        if (!page && cookie !== undefined && !isFailure(status))
          headers['set-cookie'] = [...(headers['set-cookie'] ?? []), cookie]
        return page !== undefined
      },
      refuse: (refusal) => {
        if (isFailure(refusal.status)) failed?.()
        if (refusal.status === 502) lost?.()
        show(pageFor(refusal), request, response)
      },
    })
  }

  /** Where a request of the common shape goes; undefined for what is answered with a page. */
  way(
    wanted: Wanted,
    head: RequestHead,
    address: string | undefined,
  ): Way | undefined | Promise<Way | undefined> {
    const known = this.resolver.known(wanted.key)
    if (known && leadsToGroup(wanted.key, known)) return this.memberWay(known, wanted, head, address)
    if (known) return this.wayTo(known, wanted, head, address)
    return this.find(wanted).then((lease) =>
      'status' in lease || leadsToGroup(wanted.key, lease)
        ? undefined
        : this.wayTo(lease, wanted, head, address),
    )
  }

  /** The direct way to the member of a group that a client was led to before. */
  private memberWay(
    lease: LeaseRecord,
    wanted: Wanted,
    head: RequestHead,
    address: string | undefined,
  ): Way | undefined {
    const member = this.groups.pinned(lease, tokenIn(fieldOf(head.fields, 'cookie')))
    return (
      member &&
      this.wayTo(member, wanted, head, address, {
        elsewhere: (state) => {
          if (isAway(state)) this.groups.balance.reported(member.lease, false)
          const other = isUnserved(state, head.method)
            ? this.groups.another(lease, new Set([member.lease]))
            : undefined
          return other && this.wayTo(other, wanted, head, address)
        },
        watch: (tell) => this.groups.watch(lease, member, tell),
        failed: () => this.groups.balance.requestFailed(member.lease),
      })
    )
  }

  private wayTo(
    lease: LeaseRecord,
    { label }: Wanted,
    { host, fields }: RequestHead,
    address: string | undefined,
    member?: DirectMember,
  ): Way | undefined {
    const target = this.directTarget(lease)
    if (target === undefined) return undefined
    const set = fieldsSet(lease, label, this.secure, host, address, fieldOf(fields, CORRELATION))
    let lines = ''
    for (let at = 0; at < set.length; at += 2) lines += `${set[at]}: ${set[at + 1]}\r\n`
    return new DirectWay(target, lines, this.limits, fields, member)
  }

  /** Where requests for a lease go directly; undefined where they don't. */
  private directTarget(lease: LeaseRecord): string | undefined {
    let target = this.targets.get(lease)
    if (target === undefined) {
      const { state, endpoint } = lease
      target =
        state !== 'closed' && endpoint.startsWith('https:') && URL.canParse(endpoint) ? targetOf(lease) : ''
      this.targets.set(lease, target)
    }
    return target || undefined
  }

  private async leadUpgrade(
    wanted: Wanted,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<void> {
    const found = await this.find(wanted)
    if ('status' in found) return show(found, request, answerOn(request, socket))
    const wish = { token: tokenIn(request.headers.cookie), tried: new Set<string>() }
    const lease = leadsToGroup(wanted.key, found) ? await this.groups.reached(found, wish) : found
    if (!lease) return show(PAGES.unreachable, request, answerOn(request, socket))
    relayUpgrade(request, socket, head, {
      agent: this.agent,
      target: targetOf(lease),
      headers: this.headersOf(lease, wanted, request),
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
    // Of a group others may be there.
    if (leadsToGroup(wanted.key, lease)) return lease
    return URL.canParse(lease.endpoint) && /^https?:/.test(lease.endpoint) ? lease : PAGES.unreachable
  }

  private headersOf(
    lease: LeaseRecord,
    { label }: Wanted,
    { headers, socket }: Incoming,
  ): Record<string, string | undefined> {
    const host = String(headers[':authority'] ?? headers.host ?? '')
    const said = headers[CORRELATION]
    const correlation = said === undefined ? undefined : String(said)
    const set = fieldsSet(lease, label, this.secure, host, socket.remoteAddress, correlation)
    const all: Record<string, string | undefined> = {}
    for (const name of REPLACED) all[name] = undefined
    for (let at = 0; at < set.length; at += 2) all[set[at] as string] = set[at + 1]
    return all
  }
}

/**
 * Names and values in turn. Whatever the client said of these, and of others in `REPLACED`, we know better.
 */
function fieldsSet(
  lease: LeaseRecord,
  label: string,
  secure: boolean,
  host: string,
  address = '',
  correlation: string = randomUUID(),
): string[] {
  return [
    ROUTE_HEADER,
    `${lease.lease}/${label}`,
    'host',
    host,
    'x-forwarded-for',
    plainAddress(address),
    'x-forwarded-proto',
    secure ? 'https' : 'http',
    'x-forwarded-host',
    host,
    CORRELATION,
    correlation.slice(0, 100),
  ]
}

const MOST_LEFT = 3

/** A request on its way to a group. */
interface Trip {
  /** The lease that has the group's name. */
  lease: LeaseRecord
  wanted: Wanted
  wish: { token: string | undefined; tried: Set<string> }
  mayRepeat: boolean
  /** Times that it was led elsewhere from a worker that says nothing. */
  left: number
}

/** What is different about a request to a member of a group. */
interface MemberRelay {
  /** Leads the client to this member again. */
  cookie?: string | undefined
  /** Told that its worker didn't answer. */
  lost?: () => void
  /** Told that a request failed there. */
  failed?: () => void
  /** Whether another member is asked instead of showing what the worker says in its own name. */
  elsewhere?: (state: unknown, page: Page) => boolean
  /** See `RelayOptions`. */
  watch?: RelayOptions['watch']
}

/** Nothing of a request reached a service whose worker says one of these of it. */
const UNSERVED: readonly unknown[] = ['unknown', 'starting', 'failing', 'busy'] satisfies RouteState[]

/**
 * Whether a request may be sent to another member: nothing of it was served, or serving it twice changes
 * nothing.
 */
function isUnserved(state: unknown, method = ''): boolean {
  return UNSERVED.includes(state) || (state === 'unreachable' && SAFE.has(method))
}

/** Whether a worker says of itself that a member takes no requests. */
function isAway(state: unknown): boolean {
  return UNSERVED.includes(state) && state !== 'busy'
}

/** Whether an answer says that it was the other side that failed (RFC 9110, section 15.6). */
function isFailure(status: number): boolean {
  return status === 500 || (status >= 502 && status <= 504)
}

function hasNoBody(request: Incoming): boolean {
  try {
    return framingOf(request) === 'none'
  } catch {
    // It is refused before it is led anywhere.
    return false
  }
}

/** What is different about the direct way to a member of a group. */
interface DirectMember {
  /** Another way for what the worker answers in its own name. */
  elsewhere(state: unknown): Way | undefined
  /** See `Groups`. */
  watch(tell: () => void): () => void
  /** Told that a request failed there. */
  failed(): void
}

/** The way of a request of the common shape to a worker. */
class DirectWay implements Way {
  readonly target: string
  readonly lines: string
  readonly maxBodyBytes: number
  readonly silence: AllowedSilence
  private readonly fields: RequestHead['fields']
  private readonly member: DirectMember | undefined
  private state: unknown
  readonly watch: Way['watch']

  constructor(
    target: string,
    lines: string,
    { maxBodyBytes, silence }: Limits,
    fields: RequestHead['fields'],
    member: DirectMember | undefined,
  ) {
    this.target = target
    this.lines = lines
    this.maxBodyBytes = maxBodyBytes
    this.silence = silence
    this.fields = fields
    this.member = member
    if (member)
      this.watch = (leave) =>
        member.watch(() => {
          this.state = 'unreachable' satisfies RouteState
          leave()
        })
  }

  instead(): Way | undefined {
    return this.member?.elsewhere(this.state)
  }

  intercept(answer: AnswerHead): Said | undefined {
    this.state = fieldOf(answer.fields, STATE_HEADER)
    if (isFailure(answer.status) && !isAway(this.state)) this.member?.failed()
    const page = pageOf((name) => fieldOf(answer.fields, name))
    return page && render(page, fieldOf(this.fields, 'accept'))
  }

  refuse(refusal: Refusal): Said {
    if (isFailure(refusal.status)) this.member?.failed()
    return render(pageFor(refusal), fieldOf(this.fields, 'accept'))
  }
}

function isUnattested(error: unknown): boolean {
  return error instanceof CloisterError && error.code === 'not-attested'
}

/** Fields that are the gateway's to set; see `fieldsSet`. */
const REPLACED: ReadonlySet<string> = new Set([
  ROUTE_HEADER,
  'host',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-real-ip',
  'forwarded',
  CORRELATION,
])

/** The page for what a worker says in its own name; undefined for an answer of a service. */
function pageOf(fieldOf: (name: string) => unknown): Page | undefined {
  const said = fieldOf(STATE_HEADER)
  if (said === undefined) return undefined
  const state = ROUTE_STATES.find((known) => known === said)
  // It becomes a part of a page.
  const detail = /^[\w .,:-]{1,100}$/.exec(String(fieldOf(STATE_DETAIL_HEADER)))?.[0] ?? ''
  if (state === 'failing') return failing(detail || 'ends again and again')
  if (state === 'too-large') return /^\d{1,15}$/.test(detail) ? tooLarge(Number(detail)) : PAGES.tooLarge
  if (state === 'refused') return refused(400, detail || 'its worker refuses it')
  return (
    state &&
    {
      unknown: PAGES.unknown,
      starting: PAGES.starting,
      late: PAGES.late,
      unreachable: PAGES.silent,
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
