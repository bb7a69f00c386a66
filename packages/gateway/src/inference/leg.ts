import type { Duplex } from 'node:stream'
import { ROUTE_HEADER, STATE_HEADER } from '@cloister/core'
import { LEASE_HEADER, MAX_BODY_BYTES, REQUEST_HEADER } from '@cloister/inference/protocol'
import {
  type AllowedSilence,
  type AnswerHead,
  fieldOf,
  type Refusal,
  type Said,
  type Way,
} from '@cloister/transport'
import { targetOf } from '../dial.ts'
import { EVERY_ORIGIN_LINES, UNSAID } from './cors.ts'
import { type Endpoint, isOffered } from './endpoint.ts'
import { BROKEN_OFF, lastWordsOf, type Problem, problemOf, saidOf, UNREACHABLE } from './refusals.ts'
import type { TryTrace } from './tracer.ts'
import type { Trip } from './trip.ts'

/** A sealed body is larger than what is in it, by the head within and what seals it. */
export const MAX_SENT_BYTES = MAX_BODY_BYTES + 64 * 1024
/** The endpoint keeps to its own, shorter times, so that it is the one that says what is wrong. */
export const SILENCE: AllowedSilence = {
  clientMs: 60_000,
  sendMs: 60_000,
  answerMs: 630_000,
  streamMs: 120_000,
}
/**
 * Fields of a request that don't go on: routing, what the gateway knows better, what is meant for the
 * gateway, and what a browser says besides. The client's address isn't told either, nor which trace it
 * records: an endpoint has no use for it.
 */
export const UNSENT: ReadonlySet<string> = new Set([
  ROUTE_HEADER,
  REQUEST_HEADER,
  'baggage',
  'cloister-max-price',
  'cloister-weights',
  'cookie',
  'forwarded',
  'host',
  'origin',
  'referer',
  'traceparent',
  'tracestate',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
])
/** Statuses by which an endpoint says that it doesn't answer now, and another one may. */
const ELSEWHERE = new Set([429, 502, 503, 529])

/** A request's way to one endpoint. */
export class Leg implements Way {
  readonly target: string
  readonly lines: string
  readonly maxBodyBytes = MAX_SENT_BYTES
  readonly silence = SILENCE
  readonly replaced = UNSENT
  readonly removed = UNSAID
  private readonly trip: Trip
  private readonly endpoint: Endpoint
  private readonly leave: () => void
  private readonly trace: TryTrace | undefined
  private readonly sentAt = performance.now()
  private other: Endpoint | undefined
  private isStream = false
  private unwatch: (() => void) | undefined

  constructor(trip: Trip, endpoint: Endpoint) {
    const record = trip.recordOf(endpoint)
    this.trip = trip
    this.endpoint = endpoint
    this.target = targetOf(record)
    this.lines =
      `${ROUTE_HEADER}: ${record.lease}/\r\nhost: ${record.shortId}\r\n` +
      `${REQUEST_HEADER}: ${trip.request.requestId}\r\n`
    this.leave = endpoint.standing.begin()
    this.trace = trip.request.trace?.tried(isOffered(endpoint) ? record : undefined)
  }

  get body(): Buffer | undefined {
    return this.trip.body
  }

  dial(): Promise<Duplex> {
    return this.trip.parts.dial(this.target)
  }

  watch(leave: () => void): () => void {
    const { endpoint, trip } = this
    trip.parts.lookout.over(endpoint)
    this.unwatch = endpoint.standing.watch(() => {
      this.other = trip.next()
      leave()
    })
    return () => this.unwatch?.()
  }

  intercept(answer: AnswerHead): Said | undefined {
    const { trip, endpoint } = this
    const { standing } = endpoint
    const state = fieldOf(answer.fields, STATE_HEADER)
    this.trace?.answered(answer.status)
    if (state === undefined && (trip.request.isExact || !mayGoElsewhere(answer))) return undefined
    const isBusy = state === undefined ? !isDown(answer) : state === 'busy'
    const problem = state === undefined ? UNREACHABLE : workersWord(state)
    this.trace?.failed(isBusy ? 'busy' : problem.reason)
    if (isBusy) standing.busy(secondsIn(answer))
    else if (problem === UNREACHABLE) standing.failed()
    this.other = problem === UNREACHABLE ? trip.next() : undefined
    // Nobody hears of it.
    if (this.other) return saidOf(problem, trip.request.dialect)
    // Its own words are better than ours, where they are an endpoint's.
    return state === undefined ? undefined : isBusy ? trip.nobody() : trip.say(problem)
  }

  refuse(refusal: Refusal): Said {
    const { trip, endpoint } = this
    const problem = problemOf(refusal)
    this.trace?.failed(problem.reason)
    if (problem !== UNREACHABLE) return trip.say(problem)
    endpoint.standing.failed()
    this.other = trip.next()
    return this.other ? saidOf(problem, trip.request.dialect) : trip.nobody()
  }

  instead(): Leg | undefined {
    const { other, trip } = this
    if (!other) return undefined
    this.leave()
    const reason = this.endpoint.standing.state === 'busy' ? 'busy' : 'unreachable'
    this.trace?.failed(reason)
    this.trace?.ended()
    trip.retried(reason)
    return new Leg(trip, other)
  }

  answered(answer: AnswerHead): string {
    const { trip, endpoint } = this
    this.unwatch?.()
    endpoint.standing.answered(performance.now() - this.sentAt)
    trip.answeredBy(endpoint)
    if (answer.status === 402)
      trip.parts.payees.asked(fieldOf(answer.fields, 'payment-required'), endpoint.lease)
    this.isStream =
      !trip.request.isSealed && (fieldOf(answer.fields, 'content-type') ?? '').startsWith('text/event-stream')
    const said = (name: string) => fieldOf(answer.fields, name) !== undefined
    return (
      EVERY_ORIGIN_LINES +
      (said(REQUEST_HEADER) ? '' : `${REQUEST_HEADER}: ${trip.request.requestId}\r\n`) +
      (said(LEASE_HEADER) ? '' : `${LEASE_HEADER}: ${endpoint.lease}\r\n`)
    )
  }

  began(): void {
    this.trip.firstByte()
  }

  lastWords(): string | undefined {
    this.endpoint.standing.failed()
    const { dialect, kind, trace } = this.trip.request
    for (const one of [this.trace, trace]) one?.failed('broken-off')
    return this.isStream ? lastWordsOf(BROKEN_OFF, dialect, kind) : undefined
  }

  ended(status: number): void {
    this.unwatch?.()
    this.leave()
    this.trace?.ended()
    this.trip.ended(status)
  }
}

/** Whether an endpoint says that another one may do better. */
function mayGoElsewhere({ status, fields }: AnswerHead): boolean {
  return ELSEWHERE.has(status) && fieldOf(fields, 'x-should-retry') !== 'false'
}

/** Whether an endpoint says that it can't answer, and not that it has too much to do. */
function isDown(answer: AnswerHead): boolean {
  return (
    answer.status === 502 || (answer.status === 503 && fieldOf(answer.fields, 'retry-after') === undefined)
  )
}

function secondsIn({ fields }: AnswerHead): number | undefined {
  const text = fieldOf(fields, 'retry-after') ?? ''
  return /^\d{1,4}$/.test(text) ? Number(text) : undefined
}

/** What a worker says in its own name of a lease that it didn't lead a request to; see `ROUTE_STATES`. */
function workersWord(state: string): Problem {
  if (state === 'late')
    return { status: 504, reason: 'late', message: 'The endpoint did not answer within the time it has.' }
  if (state === 'too-large')
    return { status: 413, reason: 'too-large', message: 'The request is larger than its worker passes on.' }
  if (state === 'refused')
    return { status: 400, reason: 'bad-request', message: 'Its worker refuses the request.' }
  return UNREACHABLE
}
