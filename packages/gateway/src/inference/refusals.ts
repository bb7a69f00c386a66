import type { EndpointKind } from '@cloister/inference/protocol'
import type { Refusal, Said } from '@cloister/transport'
import { EVERY_ORIGIN } from './cors.ts'
import type { Dialect } from './paths.ts'

/** Why a request is not answered by an endpoint. A label of metrics, so there are a handful. */
export type Reason =
  | 'bad-request'
  | 'unknown-model'
  | 'no-endpoint'
  | 'too-large'
  | 'too-slow'
  | 'rate'
  | 'busy'
  | 'unreachable'
  | 'late'
  | 'index'

/** What is told to whoever asked. */
export interface Problem {
  status: number
  reason: Reason
  message: string
  /** The part of the request that is wrong. */
  param?: string
  /** Seconds until it makes sense to ask again. */
  retryAfter?: number
}

/** Each dialect's own word for a status. */
const OPENAI_TYPES: Record<number, string> = {
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
  500: 'server_error',
  502: 'server_error',
  503: 'server_error',
  504: 'server_error',
}
const ANTHROPIC_TYPES: Record<number, string> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  408: 'timeout_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  502: 'api_error',
  503: 'overloaded_error',
  504: 'timeout_error',
}
/** Codes by which clients of OpenAI's know some problems. */
const CODES: Partial<Record<Reason, string>> = {
  'unknown-model': 'model_not_found',
  rate: 'rate_limit_exceeded',
  busy: 'engine_overloaded',
}

/** A problem in the form that clients of a dialect expect, as an object. */
function errorBody({ status, reason, message, param }: Problem, dialect: Dialect): object {
  return dialect === 'anthropic'
    ? { type: 'error', error: { type: ANTHROPIC_TYPES[status] ?? 'invalid_request_error', message } }
    : {
        error: {
          message,
          type: OPENAI_TYPES[status] ?? 'invalid_request_error',
          param: param ?? null,
          code: CODES[reason] ?? reason.replace('-', '_'),
        },
      }
}

/** A problem as an answer. */
export function saidOf(problem: Problem, dialect: Dialect): Said {
  const { status, retryAfter } = problem
  return {
    status,
    headers: {
      ...EVERY_ORIGIN,
      'content-type': 'application/json',
      'cache-control': 'no-store',
      ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
    },
    body: JSON.stringify(errorBody(problem, dialect)),
  }
}

/**
 * A problem within a stream of events that has begun: what was cut off is ended first. Clients of both
 * dialects raise it.
 */
export function lastWordsOf(problem: Problem, dialect: Dialect, kind: EndpointKind): string {
  if (kind === 'responses') {
    const data = { type: 'error', code: 'server_error', message: problem.message, param: null }
    return `\n\nevent: error\ndata: ${JSON.stringify(data)}\n\n`
  }
  const data = JSON.stringify(errorBody(problem, dialect))
  return dialect === 'anthropic' ? `\n\nevent: error\ndata: ${data}\n\n` : `\n\ndata: ${data}\n\n`
}

/** Why the relay refused a request. */
export function problemOf({ status, limitBytes, message }: Refusal): Problem {
  if (limitBytes !== undefined)
    return { status, reason: 'too-large', message: `A request has at most ${limitBytes} bytes.` }
  if (status === 408) return { status, reason: 'too-slow', message: 'The rest of the request did not come.' }
  if (status === 504)
    return { status, reason: 'late', message: 'The endpoint did not answer within the time it has.' }
  if (status === 502) return UNREACHABLE
  if (status === 503)
    return { status: 429, reason: 'busy', message: 'The gateway has too much under way.', retryAfter: 1 }
  return { status, reason: 'bad-request', message: `The request is not passed on: ${message}.` }
}

export const UNREACHABLE: Problem = {
  status: 503,
  reason: 'unreachable',
  message: 'No endpoint of this model can be reached just now.',
  retryAfter: 1,
}

export const BROKEN_OFF: Problem = {
  status: 502,
  reason: 'unreachable',
  message: 'The endpoint broke the answer off.',
}

export const BLIND: Problem = {
  status: 503,
  reason: 'index',
  message: 'The gateway can not look endpoints up just now.',
  retryAfter: 3,
}
