import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { LeaseRecord } from '@cloister/core'
import { LEASE_HEADER, MODEL_HEADER, REQUEST_HEADER, SEALED_TYPE } from '@cloister/inference/protocol'
import { fieldOf, type Gathering, type RequestHead, type Said } from '@cloister/transport'
import type { Resolver } from '../resolve.ts'
import { parsed, type Routed, readRouted, UnreadableBody, without } from './body.ts'
import { allowed } from './choose.ts'
import type { Endpoint } from './endpoint.ts'
import { type Keys, keyIn } from './keys.ts'
import { Leg, MAX_SENT_BYTES, SILENCE } from './leg.ts'
import { Lookout } from './lookout.ts'
import { type InferenceObserver, UNOBSERVED_INFERENCE } from './observer.ts'
import type { Offers } from './offers.ts'
import { type Asked, type Dialect, readPath } from './paths.ts'
import { leaseIn, Payees } from './pinned.ts'
import { BLIND, type Problem, problemOf, saidOf } from './refusals.ts'
import { Remembered } from './remembered.ts'
import { Room } from './room.ts'
import { Standing } from './standing.ts'
import type { InferenceTracer } from './tracer.ts'
import { Trip, type TripParts, type TripRequest } from './trip.ts'
import { Warmth } from './warmth.ts'
import { NO_WISHES, readWishes, type Wishes } from './wishes.ts'

/** Bytes of bodies that are kept at a time until their answers begin. */
const ROOM_BYTES = 256 * 1024 * 1024
/** Request ids whose lease is remembered. */
const MOST_ANSWERS = 65_536
/** Leases outside of the offers that were named by clients. */
const MOST_NAMED = 1_024
const REQUEST_ID = /^[\w.:-]{1,100}$/

/** What a door to inference is made of. */
export interface InferenceParts {
  offers: Offers
  leases: Pick<Resolver<LeaseRecord>, 'find' | 'known'>
  /** Connects to the worker of a target. Rejects where nobody listens. */
  dial(target: string): Promise<Duplex>
  /** Asks the worker of a lease whether it is there. Rejects where it doesn't answer in time. */
  ask(lease: LeaseRecord): Promise<unknown>
  keys: Keys
  observer?: InferenceObserver | undefined
  tracer?: InferenceTracer | undefined
}

/** Reads a field of a request; names are in lower case. */
type FieldOf = (name: string) => string | undefined
type Inference = Asked & { what: 'inference' }
/** What is known of a request before its body is read. */
type CommonParts = Pick<TripRequest, 'dialect' | 'kind' | 'isSealed' | 'requestId' | 'giveBack' | 'trace'>

/**
 * Leads questions to models: by the model in the body, what the client wishes, price, load and the
 * conversation; what is sealed, or names a lease, to that lease. It keeps and writes down nothing of what is
 * asked and answered.
 */
export class InferenceDoor {
  readonly offers: Offers
  readonly room = new Room(ROOM_BYTES)
  /** Leases by the request ids that they answered. */
  readonly answered = new Remembered<string>(MOST_ANSWERS)
  private readonly parts: InferenceParts
  private readonly trips: TripParts
  private readonly observer: InferenceObserver
  private readonly warmth = new Warmth()
  private readonly lookout: Lookout
  /** How leases are doing that aren't among the offers. */
  private readonly named = new Remembered<Standing>(MOST_NAMED)
  private turn = 0

  constructor(parts: InferenceParts) {
    this.parts = parts
    this.offers = parts.offers
    this.observer = parts.observer ?? UNOBSERVED_INFERENCE
    this.lookout = new Lookout(({ record }) => parts.ask(record))
    const { leases } = parts
    this.trips = {
      leases,
      dial: (target) => parts.dial(target),
      lookout: this.lookout,
      warmth: this.warmth,
      payees: new Payees(),
      answered: this.answered,
      observer: this.observer,
      room: this.room,
    }
  }

  /** How a request of the common shape is read; undefined for what is answered otherwise. */
  way({ method, path, fields }: RequestHead, address: string | undefined): Gathering | undefined {
    if (method !== 'POST') return undefined
    const asked = readPath(withoutQuery(path))
    if (asked?.what !== 'inference') return undefined
    const fieldsOf: FieldOf = (name) => fieldOf(fields, name)
    return {
      maxBodyBytes: MAX_SENT_BYTES,
      silence: SILENCE,
      room: this.room,
      refuse: (refusal) => this.say(problemOf(refusal), asked.dialect),
      whole: (body) => this.lead(asked, fieldsOf, address, body),
    }
  }

  /** Where a request goes whose body is whole, for which room was taken; or what is said to it. */
  lead(
    asked: Inference,
    fieldsOf: FieldOf,
    address: string | undefined,
    body: Buffer,
  ): Leg | Said | Promise<Leg | Said> {
    const key = this.parts.keys.nameOf(keyIn(fieldsOf), address)
    const taken = this.parts.keys.take(key)
    const isSealed = fieldsOf('content-type')?.split(';', 1)[0]?.trim() === SEALED_TYPE
    const trace = this.parts.tracer?.began(asked, isSealed, fieldsOf('traceparent'))
    const refuse = (problem: Problem) => {
      trace?.failed(problem.reason)
      trace?.ended(problem.status)
      this.room.giveBack(body.length)
      if (typeof taken === 'function') taken()
      return this.say(problem, asked.dialect)
    }
    if (typeof taken !== 'function') return refuse(taken)
    const refreshed = this.offers.fresh()
    const isNamed = fieldsOf(LEASE_HEADER) !== undefined
    const go = () => {
      const { dialect, kind } = asked
      const requestId = requestIdOf(fieldsOf(REQUEST_HEADER))
      const common = { dialect, kind, isSealed, requestId, giveBack: taken, trace }
      const found = this.requestOf(common, fieldsOf, body, key)
      if (!(found instanceof Promise)) return 'status' in found ? refuse(found) : this.begin(found)
      return found.then(
        (request) => ('status' in request ? refuse(request) : this.begin(request)),
        () => refuse(BLIND),
      )
    }
    // Who names a lease needs no offers.
    return refreshed ? refreshed.then(go, () => (isNamed ? go() : refuse(BLIND))) : go()
  }

  /** Answers in the gateway's own name. */
  say(problem: Problem, dialect: Dialect): Said {
    this.observer.refused(problem.reason)
    return saidOf(problem, dialect)
  }

  /** The endpoint of a lease, offered or not; undefined where there is none. Rejects as the index does. */
  async endpointOf(lease: string): Promise<Endpoint | undefined> {
    const known = this.offers.find(lease)
    if (known) return known
    const record = await this.parts.leases.find(lease)
    if (record?.state !== 'open' || !URL.canParse(record.endpoint) || !/^https?:/.test(record.endpoint))
      return undefined
    let standing = this.named.get(lease)
    if (!standing) {
      standing = new Standing()
      this.named.set(lease, standing)
    }
    return {
      lease,
      models: [],
      kinds: [],
      contextLength: 0,
      concurrency: Number.POSITIVE_INFINITY,
      isInside: false,
      weights: undefined,
      price: undefined,
      currency: undefined,
      since: record.openedAt,
      record,
      coveredUntil: 0,
      lookedUpAt: 0,
      standing,
    }
  }

  close(): void {
    this.lookout.close()
  }

  private begin(request: TripRequest): Leg | Said {
    const trip = new Trip(this.trips, request)
    const endpoint = trip.next()
    if (endpoint) return new Leg(trip, endpoint)
    const said = trip.nobody()
    trip.ended(said.status)
    return said
  }

  private requestOf(
    common: CommonParts,
    fieldsOf: FieldOf,
    body: Buffer,
    key: string,
  ): TripRequest | Problem | Promise<TripRequest | Problem> {
    const { isSealed } = common
    const wanted = fieldsOf(LEASE_HEADER)
    if (isSealed && wanted === undefined)
      return badRequest(`A sealed request names its lease in ${LEASE_HEADER}.`, LEASE_HEADER)
    let routed: Routed | undefined
    let wished: unknown
    try {
      if (!isSealed) routed = readRouted(body)
      if (routed?.provider) wished = parsed(routed.provider.value)
    } catch (error) {
      if (!(error instanceof UnreadableBody)) throw error
      return badRequest(`The body ${error.message}.`, 'model')
    }
    const sent = routed?.provider ? without(body, routed.provider) : body
    const bodies = { body: sent, heldBytes: body.length }
    if (wanted !== undefined) {
      const lease = leaseIn(wanted)
      if (lease === undefined) return badRequest(`${LEASE_HEADER} is no lease’s id.`, LEASE_HEADER)
      const label = this.labelOf(routed?.model ?? fieldsOf(MODEL_HEADER))
      return this.toLease(lease, { ...common, ...bodies, label })
    }
    if (!routed) return badRequest('The body is not read.', 'model')
    const wishes = readWishes(wished, {
      maxPrice: fieldsOf('cloister-max-price'),
      weights: fieldsOf('cloister-weights'),
    })
    if (typeof wishes === 'string') return badRequest(`${wishes}.`, 'provider')
    return this.toModel(routed, wishes, fieldsOf, key, { ...common, ...bodies })
  }

  /** A request that nobody but one lease is to see. */
  private async toLease(
    lease: string,
    request: Omit<TripRequest, 'endpoints' | 'choice' | 'names' | 'isExact'>,
  ): Promise<TripRequest | Problem> {
    const endpoint = await this.endpointOf(lease)
    if (!endpoint) return { status: 404, reason: 'no-endpoint', message: 'No open lease has this id.' }
    const choice = { wishes: NO_WISHES, turn: 0 }
    return { ...request, endpoints: [endpoint], choice, names: [], isExact: true }
  }

  private toModel(
    { model, beginning }: Routed,
    wishes: Wishes,
    fieldsOf: FieldOf,
    key: string,
    request: Omit<TripRequest, 'endpoints' | 'choice' | 'names' | 'isExact' | 'label'>,
  ): TripRequest | Problem {
    const offered = this.offers.of(model)
    if (offered.length === 0)
      return {
        status: 404,
        reason: 'unknown-model',
        message: `The model \`${model.slice(0, 128)}\` is not offered here.`,
        param: 'model',
      }
    const serving = offered.filter(({ kinds }) => kinds.includes(request.kind))
    if (serving.length === 0) return badRequest('The model does not serve this path.', 'model')
    const paidTo = this.trips.payees.leaseOf(fieldsOf('payment-signature'))
    const fitting = allowed(serving, wishes)
    const endpoints = paidTo === undefined ? fitting : fitting.filter(({ lease }) => lease === paidTo)
    if (endpoints.length === 0)
      return {
        status: 404,
        reason: 'no-endpoint',
        message: 'No endpoint of this model is as this request wishes.',
        param: 'provider',
      }
    const names = this.warmth.namesOf(model, beginning)
    const idempotencyKey = fieldsOf('idempotency-key')
    if (idempotencyKey !== undefined) names.unshift(this.warmth.nameOfRequest(key, idempotencyKey))
    const choice = { wishes, warm: this.warmth.find(names), turn: this.turn++ }
    return { ...request, endpoints, choice, names, isExact: false, label: model }
  }

  /** What a model is counted under: anybody may write anything. */
  private labelOf(model: string | undefined): string {
    return model !== undefined && this.offers.of(model).length > 0 ? model : 'other'
  }
}

/** A path without its query. */
export function withoutQuery(path: string): string {
  const at = path.indexOf('?')
  return at < 0 ? path : path.slice(0, at)
}

function requestIdOf(said: string | undefined): string {
  return said !== undefined && REQUEST_ID.test(said) ? said : randomUUID()
}

function badRequest(message: string, param: string): Problem {
  return { status: 400, reason: 'bad-request', message, param }
}
