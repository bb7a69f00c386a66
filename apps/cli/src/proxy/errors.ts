import { CloisterError, ERRORS, messageOf } from '@cloister/core'
import { wordsOf } from '@cloister/terminal'

/** An error as a client of OpenAI's or Anthropic's interface reads it. */
export interface ApiError {
  status: number
  retryAfter: string | undefined
  body: string
}

/** What went wrong, with what to do next, in the form of whoever's interface was asked. */
export function apiErrorOf(error: unknown, path: string): ApiError {
  const known = error instanceof CloisterError ? error : undefined
  const code = known?.code ?? 'internal'
  const status = known ? ERRORS[known.code].status : 500
  const hint = known?.hint ? ` ${wordsOf(known.hint)}` : ''
  const message = `${known ? known.message : `Something went wrong: ${messageOf(error)}`}${hint}`
  const retryAfter = retryAfterOf(error)
  const body = path.startsWith('/v1/messages')
    ? { type: 'error', error: { type: typeOf(status), message } }
    : { error: { message, type: typeOf(status), param: null, code } }
  return { status, retryAfter, body: JSON.stringify(body) }
}

function retryAfterOf(error: unknown): string | undefined {
  const value = (error as { retryAfter?: unknown } | undefined)?.retryAfter
  return typeof value === 'string' && /^[\w ,:+-]{1,64}$/.test(value) ? value : undefined
}

/** The type that both interfaces have for a status. */
function typeOf(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  if (status === 404) return 'not_found_error'
  if (status === 429) return 'rate_limit_error'
  return status < 500 ? 'invalid_request_error' : 'api_error'
}
