import { z } from 'zod'
import { CloisterError, messageOf } from './errors.ts'

/** An error as HTTP carries it (RFC 9457, `application/problem+json`). */
export const Problem = z.object({
  type: z.string(),
  title: z.string().max(4_000),
  status: z.int(),
  /** Stable code of the error. */
  code: z.string().max(64),
  /** What to do next. */
  hint: z.string().max(2_000).optional(),
  details: z.record(z.string(), z.unknown()).optional(),
})

export type Problem = z.infer<typeof Problem>

const STATUS: Record<string, number> = {
  'bad-request': 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  'wrong-manifest': 409,
  'not-running': 409,
  'too-large': 413,
  'bad-manifest': 422,
  'secrets-missing': 409,
  stale: 409,
  unsupported: 422,
  'bad-secrets': 422,
  'bad-evidence': 422,
  'no-bid': 409,
  'no-keys': 403,
  'not-attested': 403,
  'not-seated': 503,
  'not-open': 503,
  'too-many': 429,
  'too-busy': 503,
  'no-evidence': 503,
  'chain-unreachable': 503,
}

/** The problem document of anything thrown. What is not ours becomes `internal`, without its message. */
export function toProblem(error: unknown): Problem {
  if (!(error instanceof CloisterError))
    return { type: 'about:blank', title: 'Something went wrong on this side.', status: 500, code: 'internal' }
  const { code, message, hint, details } = error
  return {
    type: 'about:blank',
    title: message,
    status: STATUS[code] ?? 400,
    code,
    ...(hint && { hint }),
    ...(Object.keys(details).length > 0 && { details }),
  }
}

/** The error that an answer's body tells of; `bad-answer` where it tells nothing we know. */
export function fromProblem(status: number, body: string, who: string): CloisterError {
  try {
    const problem = Problem.parse(JSON.parse(body))
    return new CloisterError(problem.code, problem.title, {
      ...(problem.hint && { hint: problem.hint }),
      details: problem.details ?? {},
    })
  } catch (error) {
    return new CloisterError('bad-answer', `${who} answered with status ${status} and no explanation.`, {
      details: { status },
      cause: messageOf(error),
    })
  }
}

/**
 * The HTTP response that carries an error. After a body that wasn't read to its end, the connection is of no
 * further use.
 */
export function problemResponse(error: unknown): Response {
  const body = toProblem(error)
  const headers = {
    'content-type': 'application/problem+json',
    ...(body.status === STATUS['too-large'] && { connection: 'close' }),
  }
  return new Response(JSON.stringify(body), { status: body.status, headers })
}

/** Untrusted input as a schema has it. Throws `bad-request` naming the field. */
export function checkRequest<T extends z.ZodType>(schema: T, value: unknown): z.infer<T> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new CloisterError(
    'bad-request',
    `The request is wrong at ${issue?.path.join('.') || 'its body'}: ${issue?.message}.`,
  )
}
