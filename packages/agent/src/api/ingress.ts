import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import {
  type Exposure,
  ROUTE_HEADER,
  type RouteState,
  STATE_DETAIL_HEADER,
  STATE_HEADER,
} from '@cloister/core'
import {
  type AllowedSilence,
  answerOn,
  DialAgent,
  fieldOf,
  Http2Sessions,
  http1Upstream,
  http2Upstream,
  type Incoming,
  linger,
  type Outgoing,
  type Refusal,
  type RequestHead,
  relayRequest,
  relayUpgrade,
  type Said,
  type Way,
} from '@cloister/transport'

const MAX_BODY_BYTES = 1024 * 1024 * 1024
const SILENCE_MS = 60_000
/**
 * How often whoever waits for a service that may be silent for longer is told that it is still waited for.
 */
const SIGN_OF_LIFE_MS = 15_000
const STATUS: Record<RouteState, number> = {
  unknown: 404,
  starting: 503,
  failing: 503,
  'too-large': 413,
  late: 504,
  unreachable: 502,
  refused: 400,
  busy: 429,
}

/**
 * Where requests of a route go: a port of one container, by `target`, and what its manifest says of
 * requests.
 */
export interface Destination {
  /**
   * `<lease>/<container>/<port>`; connections are kept by it, so that none is ever used for another lease or
   * service.
   */
  target: string
  http: Exposure['http']
}

/** Why there is no destination. */
export interface NoDestination {
  state: RouteState
  detail?: string
}

/** What the ingress needs of its surroundings. */
export interface IngressParts {
  /** Finds where a route, as the route header has it, leads. */
  find(route: string): Destination | NoDestination
  /** A connection to a target. Rejects where nobody listens. */
  connect(target: string): Promise<Duplex>
  /** How often whoever waits is told that a service may still be silent, in milliseconds. */
  signOfLifeMs?: number
}

/**
 * Leads requests that a gateway sends to the containers of a service. Only ports that the manifest opens to
 * the outside.
 */
export class Ingress {
  private readonly parts: IngressParts
  private readonly agent: DialAgent
  private readonly sessions: Http2Sessions

  constructor(parts: IngressParts) {
    this.parts = parts
    this.agent = new DialAgent(parts.connect)
    this.sessions = new Http2Sessions(parts.connect)
  }

  /**
   * Where a request of the common shape goes. Undefined for what needs more care: a route that leads nowhere,
   * HTTP/2 behind us, services that may be silent for so long that gateways are told.
   */
  way({ fields }: RequestHead): Way | undefined {
    const route = fieldOf(fields, ROUTE_HEADER)
    return route === undefined ? undefined : this.wayTo(route)
  }

  /** The same for a route that is known already. */
  wayTo(route: string): (Way & { lines: string }) | undefined {
    const destination = this.parts.find(route)
    if ('state' in destination) return undefined
    const { target, http } = destination
    const silence = silenceOf(http)
    if (http?.version === 'h2' || this.needsSigns(http, silence)) return undefined
    return {
      target,
      lines: '',
      maxBodyBytes: http?.maxBodyBytes ?? MAX_BODY_BYTES,
      silence,
      refuse: (refusal) => said(reasonOf(refusal)),
    }
  }

  /** A connection to a target. Rejects where nobody listens. */
  connect(target: string): Promise<Duplex> {
    return this.parts.connect(target)
  }

  private needsSigns(http: Exposure['http'], { answerMs, sendMs }: AllowedSilence): boolean {
    const { signOfLifeMs = SIGN_OF_LIFE_MS } = this.parts
    return http !== undefined && Math.max(answerMs, sendMs) > signOfLifeMs
  }

  request(request: Incoming, response: Outgoing): void {
    this.lead(String(request.headers[ROUTE_HEADER]), request, response, { [ROUTE_HEADER]: undefined })
  }

  /** Leads a request to a route, with headers changed. */
  lead(
    route: string,
    request: Incoming,
    response: Outgoing,
    headers: Record<string, string | undefined>,
  ): void {
    const destination = this.parts.find(route)
    if ('state' in destination) return refuse(destination, request, response)
    const { target, http } = destination
    const silence = silenceOf(http)
    const { signOfLifeMs = SIGN_OF_LIFE_MS } = this.parts
    if (this.needsSigns(http, silence)) signsOfLife(request, response as ServerResponse, signOfLifeMs)
    relayRequest(request, response, {
      upstream:
        http?.version === 'h2' ? http2Upstream(this.sessions, target) : http1Upstream(this.agent, target),
      headers,
      answerHeaders: { [STATE_HEADER]: undefined, [STATE_DETAIL_HEADER]: undefined },
      maxBodyBytes: http?.maxBodyBytes ?? MAX_BODY_BYTES,
      silence,
      refuse: (refusal) => refuse(reasonOf(refusal), request, response),
    })
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const route = String(request.headers[ROUTE_HEADER])
    this.leadUpgrade(route, request, socket, head, { [ROUTE_HEADER]: undefined })
  }

  /** Leads a request for another protocol to a route, with headers changed. */
  leadUpgrade(
    route: string,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    headers: Record<string, string | undefined>,
  ): void {
    const destination = this.parts.find(route)
    if ('state' in destination) return refuse(destination, request, answerOn(request, socket))
    relayUpgrade(request, socket, head, {
      agent: this.agent,
      target: destination.target,
      headers,
      answerMs: destination.http?.readTimeoutMs ?? SILENCE_MS,
      refuse: (refusal, response) => refuse(reasonOf(refusal), request, response),
    })
  }

  close(): void {
    this.agent.destroy()
    this.sessions.destroy()
  }
}

/**
 * Tells a gateway, whose own patience is shorter, that a service may be silent for as long as its manifest
 * says (RFC 2518, section 10.1).
 */
function signsOfLife(request: Incoming, response: ServerResponse, everyMs: number): void {
  if (request.httpVersion !== '1.1') return
  const timer = setInterval(() => {
    if (response.headersSent) clearInterval(timer)
    else response.writeProcessing()
  }, everyMs)
  response.once('close', () => clearInterval(timer))
}

function reasonOf({ status, limitBytes, message }: Refusal): NoDestination {
  if (limitBytes !== undefined) return { state: 'too-large', detail: String(limitBytes) }
  if (status === 502) return { state: 'unreachable' }
  return status === 504 ? { state: 'late' } : { state: 'refused', detail: message }
}

/** Answers in the worker's own name: a gateway makes a page of it. */
export function refuse(why: NoDestination, request: Incoming, response: Outgoing): void {
  const plain = response as ServerResponse
  const { status, headers, body } = said(why)
  plain.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
  plain.end(body)
  linger(request)
}

function said({ state, detail }: NoDestination): Said {
  return {
    status: STATUS[state],
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      [STATE_HEADER]: state,
      ...(detail !== undefined && { [STATE_DETAIL_HEADER]: detail }),
    },
    body: `${detail === undefined ? state : `${state}: ${detail}`}\n`,
  }
}

/** The silence that a service's manifest allows. */
function silenceOf(http: Exposure['http']): AllowedSilence {
  const readMs = http?.readTimeoutMs
  return {
    clientMs: SILENCE_MS,
    sendMs: http?.sendTimeoutMs ?? SILENCE_MS,
    answerMs: readMs ?? SILENCE_MS,
    ...(readMs !== undefined && { streamMs: readMs }),
  }
}
