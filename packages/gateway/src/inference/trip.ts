import type { Duplex } from 'node:stream'
import type { LeaseRecord } from '@cloister/core'
import type { EndpointKind } from '@cloister/inference/protocol'
import type { Said } from '@cloister/transport'
import type { Resolver } from '../resolve.ts'
import { type Choice, choose } from './choose.ts'
import type { Endpoint } from './endpoint.ts'
import type { GiveBack } from './keys.ts'
import type { Lookout } from './lookout.ts'
import type { InferenceObserver, RequestObserver } from './observer.ts'
import type { Dialect } from './paths.ts'
import type { Payees } from './pinned.ts'
import { type Problem, saidOf, UNREACHABLE } from './refusals.ts'
import type { Remembered } from './remembered.ts'
import type { Room } from './room.ts'
import type { RequestTrace } from './tracer.ts'
import type { Warmth } from './warmth.ts'

/** Endpoints that one request is sent to. */
const MOST_TRIES = 4

/** What trips have in common. */
export interface TripParts {
  leases: Pick<Resolver<LeaseRecord>, 'find' | 'known'>
  dial(target: string): Promise<Duplex>
  lookout: Lookout
  warmth: Warmth
  payees: Payees
  /** Leases by the request ids that they answered. */
  answered: Remembered<string>
  observer: InferenceObserver
  room: Room
}

/** What a trip is for. */
export interface TripRequest {
  dialect: Dialect
  kind: EndpointKind
  /** What is sent. */
  body: Buffer
  /** Bytes of room that were taken for it. */
  heldBytes: number
  /** Endpoints that may answer. */
  endpoints: readonly Endpoint[]
  choice: Pick<Choice, 'wishes' | 'warm' | 'turn'>
  /** Names of the conversation, and of the request. */
  names: readonly string[]
  /** Nobody else may see it: it is sealed to one lease, or its client named it. */
  isExact: boolean
  isSealed: boolean
  /** A label of metrics. */
  label: string
  requestId: string
  giveBack: GiveBack
  /** Undefined where it isn't traced. */
  trace: RequestTrace | undefined
}

/** One request on its way to an endpoint, and to others where that comes to nothing. */
export class Trip {
  readonly parts: TripParts
  readonly request: Omit<TripRequest, 'body'>
  /** The body while it may be sent again. */
  body: Buffer | undefined
  /** Since the request was whole. */
  readonly beganAt = performance.now()
  private readonly tried = new Set<string>()
  private readonly watched: RequestObserver
  private isOver = false

  /** The room of the body was taken before. */
  constructor(parts: TripParts, { body, ...request }: TripRequest) {
    this.parts = parts
    this.request = request
    this.body = body
    this.watched = parts.observer.began(request.label)
    request.trace?.led(request.label)
  }

  /** The endpoint to send it to next; undefined where there is none. */
  next(): Endpoint | undefined {
    const { endpoints, choice, isExact } = this.request
    if (!this.body || this.tried.size >= (isExact ? 1 : MOST_TRIES)) return undefined
    for (;;) {
      const endpoint = isExact
        ? endpoints.find(({ lease }) => !this.tried.has(lease))
        : choose(endpoints, { ...choice, tried: this.tried })
      if (!endpoint) return undefined
      this.tried.add(endpoint.lease)
      if (this.recordOf(endpoint).state === 'open') return endpoint
    }
  }

  /** Where an endpoint's worker is now, as far as is known. */
  recordOf(endpoint: Endpoint): LeaseRecord {
    const { leases } = this.parts
    const known = leases.known(endpoint.lease)
    if (known) endpoint.record = known
    else void leases.find(endpoint.lease).catch(() => {})
    return endpoint.record
  }

  /** An answer is passed on: the body isn't sent again. */
  answeredBy(endpoint: Endpoint): void {
    const { warmth, answered } = this.parts
    const { names, requestId } = this.request
    this.dropBody()
    warmth.keep(names, endpoint.lease)
    answered.set(requestId, endpoint.lease)
  }

  firstByte(): void {
    this.watched.firstByte((performance.now() - this.beganAt) / 1000)
    this.request.trace?.firstByte()
  }

  retried(reason: Problem['reason']): void {
    this.parts.observer.retried(reason)
  }

  /** Answers in the gateway's own name. */
  say(problem: Problem): Said {
    this.parts.observer.refused(problem.reason)
    this.request.trace?.failed(problem.reason)
    return saidOf(problem, this.request.dialect)
  }

  /** What is said where no endpoint takes it. */
  nobody(): Said {
    const { endpoints } = this.request
    const isBusy = endpoints.some(({ standing }) => standing.state !== 'away')
    if (!isBusy) return this.say(UNREACHABLE)
    const backInMs = Math.min(...endpoints.map(({ standing }) => standing.backInMs))
    return this.say({
      status: 429,
      reason: 'busy',
      message: 'All endpoints of this model are busy.',
      retryAfter: Math.max(1, Math.ceil(backInMs / 1000)),
    })
  }

  /** It is over; 0 where its client left before an answer began. */
  ended(status: number): void {
    if (this.isOver) return
    this.isOver = true
    this.dropBody()
    this.request.giveBack()
    this.watched.ended(status)
    this.request.trace?.ended(status)
  }

  private dropBody(): void {
    if (this.body) this.parts.room.giveBack(this.request.heldBytes)
    this.body = undefined
  }
}
