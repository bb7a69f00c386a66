import { CloisterError, ERRORS, type ErrorFamily, toProblem } from '@cloister/core'
import type { EndpointKind } from '../protocol/options.ts'
import { PaymentRequired } from './payment-required.ts'

/** An error as an API's clients read it. */
export interface ApiError {
  status: number
  headers: Record<string, string>
  body: Buffer
}

const OPENAI_TYPES: Partial<Record<ErrorFamily, string>> = {
  input: 'invalid_request_error',
  content: 'invalid_request_error',
  size: 'invalid_request_error',
  identity: 'authentication_error',
  permission: 'permission_error',
  absence: 'invalid_request_error',
  money: 'insufficient_quota',
  state: 'invalid_request_error',
  rate: 'rate_limit_error',
}
const ANTHROPIC_TYPES: Partial<Record<ErrorFamily, string>> = {
  input: 'invalid_request_error',
  content: 'invalid_request_error',
  size: 'request_too_large',
  identity: 'authentication_error',
  permission: 'permission_error',
  absence: 'not_found_error',
  money: 'billing_error',
  state: 'invalid_request_error',
  rate: 'rate_limit_error',
  busy: 'overloaded_error',
}

/** An error in the form of the API that was asked: Anthropic's for messages, OpenAI's for all else. */
export function apiError(kind: EndpointKind | undefined, error: unknown, requestId: string): ApiError {
  const { status, title, code, details } = toProblem(error)
  const family = error instanceof CloisterError ? error.family : 'failure'
  const seconds = details?.['retryAfterSeconds']
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    ...(error instanceof PaymentRequired && error.headers),
    ...(typeof seconds === 'number' && { 'retry-after': String(seconds) }),
    // The clients try again by themselves; what fails for good is not worth it.
    ...(status >= 400 && !isWorthTrying(error) && { 'x-should-retry': 'false' }),
  }
  const body =
    kind === 'messages'
      ? { type: 'error', error: anthropicError(family, title), request_id: requestId }
      : { error: openaiError(family, title, code, details?.['param']) }
  return { status, headers, body: Buffer.from(JSON.stringify(body)) }
}

/** The event that ends a stream which broke off, in the form of its API. */
export function errorEvent(kind: EndpointKind, message: string): Buffer {
  if (kind === 'messages')
    return Buffer.from(
      `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type: 'api_error', message } })}\n\n`,
    )
  if (kind === 'responses')
    return Buffer.from(
      `event: error\ndata: ${JSON.stringify({ type: 'error', code: 'server_error', message, param: null })}\n\n`,
    )
  const error = { message, type: 'server_error', code: 'engine-failed', param: null }
  return Buffer.from(`data: ${JSON.stringify({ error })}\n\n`)
}

function isWorthTrying(error: unknown): boolean {
  return !(error instanceof CloisterError) || ERRORS[error.code].retry || error.code === 'bad-answer'
}

function openaiError(family: ErrorFamily, message: string, code: string, param: unknown) {
  const type = OPENAI_TYPES[family] ?? 'server_error'
  const known = code === 'not-found' && param === 'model' ? 'model_not_found' : code
  return { message, type, code: known, param: typeof param === 'string' ? param : null }
}

function anthropicError(family: ErrorFamily, message: string) {
  return { type: ANTHROPIC_TYPES[family] ?? 'api_error', message }
}
