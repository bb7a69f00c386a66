import type { ServerResponse } from 'node:http'
import { ROUTE_HEADER } from '@cloister/core'
import { LEASE_HEADER } from '@cloister/inference/protocol'
import {
  type Answer,
  type AnswerHead,
  BodyGatherer,
  type DialAgent,
  framingOf,
  http1Upstream,
  type Incoming,
  linger,
  type Outgoing,
  Refusal,
  relayRequest,
  type Said,
} from '@cloister/transport'
import { targetOf } from '../dial.ts'
import { EVERY_ORIGIN, preflight, UNSAID } from './cors.ts'
import type { Endpoint } from './endpoint.ts'
import { type InferenceDoor, withoutQuery } from './inference.ts'
import { type Leg, MAX_SENT_BYTES, SILENCE, UNSENT } from './leg.ts'
import { modelList, modelObject } from './models.ts'
import { type Asked, type Dialect, readPath } from './paths.ts'
import { leaseIn } from './pinned.ts'
import { BLIND, type Problem, problemOf, UNREACHABLE } from './refusals.ts'

/** Leases that are asked one after the other whose signature or receipt one is. */
const MOST_ASKED = 16
const RECEIPT_LEASE = /^rcpt_([0-9a-f]{8})/

/**
 * The inference door for requests that Node reads: those of HTTP/2 and of browsers, and whatever is not of
 * the common shape.
 */
export class CarefulInference {
  private readonly door: InferenceDoor
  private readonly agent: DialAgent
  private readonly kept: (receipt: string) => Promise<object | undefined>

  /** `kept`: a receipt that the index keeps; undefined where it has none. */
  constructor(door: InferenceDoor, agent: DialAgent, kept: CarefulInference['kept']) {
    this.door = door
    this.agent = agent
    this.kept = kept
  }

  /** Whether a path, without its query, is for this door. */
  isFor(path: string): boolean {
    return readPath(path) !== undefined
  }

  /** Answers a request for a path of this door's. Never rejects. */
  async request(request: Incoming, response: Outgoing): Promise<void> {
    const url = request.url ?? '/'
    const asked = readPath(withoutQuery(url))
    if (!asked) return
    const dialect = dialectOf(asked, request)
    const refuse = (problem: Problem) => say(this.door.say(problem, dialect), request, response)
    try {
      if (request.method === 'OPTIONS') return answerPreflight(request, response)
      const isPost = request.method === 'POST'
      if (isPost !== (asked.what === 'inference')) return refuse(wrongMethod(isPost ? 'GET' : 'POST'))
      if (asked.what === 'inference') return await this.infer(asked, request, response)
      if (request.method !== 'GET') return refuse(wrongMethod('GET'))
      const query = new URL(url, 'http://gateway').searchParams
      const named = textOf(request.headers[LEASE_HEADER]) ?? query.get('lease') ?? undefined
      await this.door.offers.fresh()?.catch((error) => {
        // Who names a lease needs no offers.
        if (named === undefined) throw error
      })
      if (asked.what === 'models') return this.models(asked.id, dialect, request, response)
      const endpoints = await this.askedOf(asked, leaseIn(named), query.get('model') ?? undefined)
      // Of the index there are receipts in our own form alone.
      const receipt = asked.what === 'receipt' && !url.startsWith('/v1/aci/') ? asked.id : undefined
      await this.forward(endpoints, { dialect, receipt }, request, response)
    } catch (error) {
      refuse(error instanceof Refusal ? problemOf(error) : BLIND)
    }
  }

  private async infer(
    asked: Asked & { what: 'inference' },
    request: Incoming,
    response: Outgoing,
  ): Promise<void> {
    const gatherer = new BodyGatherer(framingOf(request), MAX_SENT_BYTES, this.door.room)
    const body = await wholeBody(request, response, gatherer)
    if (!body) return
    const fieldsOf = (name: string) => textOf(request.headers[name])
    const led = await this.door.lead(asked, fieldsOf, request.socket.remoteAddress, body)
    if (!('target' in led)) return say(led, request, response)
    const trip = { leg: led }
    response.once('close', () => trip.leg.ended(response.headersSent ? response.statusCode : 0))
    if (isGone(response)) return trip.leg.ended(0)
    this.relay(trip, request, response)
  }

  private relay(trip: { leg: Leg }, request: Incoming, response: Outgoing): void {
    const { leg } = trip
    const again = () => {
      const other = leg.instead()
      if (other) {
        trip.leg = other
        this.relay(trip, request, response)
      }
      return other !== undefined
    }
    const answerHeaders: Record<string, string | undefined> = {}
    relayRequest(request, response, {
      upstream: http1Upstream(this.agent, leg.target),
      headers: { ...unsent(leg.replaced), ...headersIn(leg.lines) },
      answerHeaders,
      maxBodyBytes: leg.maxBodyBytes,
      body: leg.body,
      silence: leg.silence,
      intercept: (answer) => {
        const head = headOf(answer)
        const said = leg.intercept(head)
        if (!said) {
          Object.assign(answerHeaders, unsent(leg.removed), headersIn(leg.answered(head)))
          answer.body.once('data', () => leg.began())
        } else if (!again()) say(said, request, response)
        return said !== undefined
      },
      watch: (leave) => leg.watch(() => leave() && again()),
      lastWords: () => leg.lastWords(),
      refuse: (refusal) => {
        const said = leg.refuse(refusal)
        if (!again()) say(said, request, response)
      },
    })
  }

  private models(id: string | undefined, dialect: Dialect, request: Incoming, response: Outgoing): void {
    const { names } = this.door.offers
    const found = id === undefined ? undefined : names.get(id)
    if (id !== undefined && !found) return say(this.door.say(unknownModel(id), dialect), request, response)
    const body = found ? modelObject(id ?? '', found, dialect) : modelList(names, dialect)
    say(saidAs(body), request, response)
  }

  /** The endpoints that may know what is asked, those that are likeliest first. */
  private async askedOf(
    asked: Asked,
    named: string | undefined,
    model: string | undefined,
  ): Promise<readonly Endpoint[]> {
    const { offers, answered } = this.door
    if (named !== undefined) {
      const endpoint = await this.door.endpointOf(named)
      return endpoint ? [endpoint] : []
    }
    // A client may have chosen an id that another one's request has, too.
    const known = asked.what === 'signature' ? answered.get(asked.id) : undefined
    const rank = ({ lease, standing }: Endpoint) => (lease === known ? 0 : standing.state === 'away' ? 2 : 1)
    const prefix = asked.what === 'receipt' ? RECEIPT_LEASE.exec(asked.id)?.[1] : undefined
    const all = model === undefined ? [...offers.all] : offers.of(model)
    const fitting = prefix === undefined ? all : all.filter(({ lease: id }) => id.startsWith(`0x${prefix}`))
    return [...fitting].sort((one, other) => rank(one) - rank(other)).slice(0, MOST_ASKED)
  }

  /** Asks endpoints one after the other until one knows, and the index for a receipt that none has. */
  private async forward(
    endpoints: readonly Endpoint[],
    what: { dialect: Dialect; receipt: string | undefined },
    request: Incoming,
    response: Outgoing,
    problem: Problem = nobodyKnows(),
  ): Promise<void> {
    const [endpoint, ...others] = endpoints
    if (!endpoint) {
      const kept = what.receipt === undefined ? undefined : await this.kept(what.receipt).catch(() => {})
      return say(kept ? saidAs(kept) : this.door.say(problem, what.dialect), request, response)
    }
    const next = (why: Problem) => {
      this.forward(others, what, request, response, why).catch(() => {})
    }
    const { record } = endpoint
    relayRequest(request, response, {
      upstream: http1Upstream(this.agent, targetOf(record)),
      headers: { ...unsent(UNSENT), host: record.shortId, [ROUTE_HEADER]: `${record.lease}/` },
      answerHeaders: { ...unsent(UNSAID), ...EVERY_ORIGIN, [LEASE_HEADER]: endpoint.lease },
      maxBodyBytes: 0,
      silence: SILENCE,
      intercept: ({ status, headers }) => {
        const isOwn = headers['cloister-state'] === undefined
        const isLast = others.length === 0 && what.receipt === undefined
        if (isOwn && (status < 400 || isLast)) return false
        next(isOwn ? nobodyKnows() : UNREACHABLE)
        return true
      },
      refuse: (refusal) => next(problemOf(refusal)),
    })
  }
}

/**
 * Reads a request's body; undefined where its client leaves before it has come. Rejects with a `Refusal`.
 */
function wholeBody(
  request: Incoming,
  response: Outgoing,
  gatherer: BodyGatherer,
): Promise<Buffer | undefined> {
  return new Promise((done, fail) => {
    const refuse = (refusal: Refusal) => {
      clearTimeout(timer)
      gatherer.drop()
      request.off('data', add)
      fail(refusal)
    }
    const timer = setTimeout(() => refuse(new Refusal(408, 'nothing came')), SILENCE.clientMs)
    const add = (chunk: Buffer) => {
      timer.refresh()
      try {
        gatherer.addPiece(chunk)
      } catch (error) {
        refuse(error as Refusal)
      }
    }
    if (request.headers.expect !== undefined) response.writeContinue()
    request.on('data', add)
    request.once('end', () => {
      clearTimeout(timer)
      done(gatherer.take())
    })
    response.once('close', () => {
      clearTimeout(timer)
      gatherer.drop()
      done(undefined)
    })
    request.once('error', () => {})
  })
}

/** Answers in the gateway's own name, where there is still somebody to answer. */
function say({ status, headers, body }: Said, request: Incoming, response: Outgoing): void {
  if (response.headersSent || isGone(response)) return
  const plain = response as ServerResponse
  plain.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
  plain.end(request.method === 'HEAD' ? undefined : body)
  linger(request)
}

function saidAs(body: object): Said {
  const headers = { ...EVERY_ORIGIN, 'content-type': 'application/json', 'cache-control': 'no-store' }
  return { status: 200, headers, body: JSON.stringify(body) }
}

/** Whether nobody waits for an answer any more; that was told already then. */
function isGone(response: Outgoing): boolean {
  return 'stream' in response ? (response.stream?.destroyed ?? true) : response.destroyed
}

function answerPreflight(request: Incoming, response: Outgoing): void {
  const wanted = textOf(request.headers['access-control-request-headers'])
  const plain = response as ServerResponse
  plain.writeHead(204, preflight(wanted)).end()
  linger(request)
}

/** Anthropic's clients say so themselves where both ask the same path. */
function dialectOf(asked: Asked, { headers }: Incoming): Dialect {
  if (asked.what === 'inference') return asked.dialect
  return headers['anthropic-version'] === undefined ? 'openai' : 'anthropic'
}

function headOf({ status, headers, framing }: Answer): AnswerHead {
  const fields: string[] = []
  for (const [name, value] of Object.entries(headers)) {
    const text = textOf(value)
    if (text !== undefined) fields.push(name, text)
  }
  return { status, fields, framing, isChunked: framing === 'open', isKept: true }
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value
}

/** Lines of a head as an object. */
function headersIn(lines: string): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const line of lines.split('\r\n')) {
    const at = line.indexOf(': ')
    if (at > 0) headers[line.slice(0, at)] = line.slice(at + 2)
  }
  return headers
}

function unsent(names: ReadonlySet<string>): Record<string, undefined> {
  return Object.fromEntries([...names].map((name) => [name, undefined]))
}

function wrongMethod(right: string): Problem {
  return { status: 405, reason: 'bad-request', message: `This path is asked with ${right}.` }
}

function nobodyKnows(): Problem {
  return { status: 404, reason: 'no-endpoint', message: 'No endpoint that can be asked knows of it.' }
}

function unknownModel(id: string): Problem {
  return {
    status: 404,
    reason: 'unknown-model',
    message: `The model \`${id.slice(0, 128)}\` is not offered here.`,
    param: 'model',
  }
}
