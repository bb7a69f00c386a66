import * as z from 'zod'
import { ERRORS, isErrorCode } from './catalogue.ts'
import { CloisterError, messageOf } from './error.ts'
import { ADVICE, type Hint } from './hint.ts'

/** An error as HTTP carries it (RFC 9457, `application/problem+json`). */
export const Problem = z.object({
  type: z.string(),
  title: z.string().max(4_000),
  status: z.int(),
  /** Stable code of the error. */
  code: z.string().max(64),
  /** What to do next. */
  hint: z
    .union([
      z.string().max(2_000),
      z
        .object({ do: z.enum(ADVICE), subject: z.string().max(200).optional() })
        .transform(
          (advice): Hint =>
            advice.subject === undefined ? { do: advice.do } : { do: advice.do, subject: advice.subject },
        ),
    ])
    .optional(),
  details: z.record(z.string(), z.unknown()).optional(),
})

export type Problem = z.infer<typeof Problem>

/** The problem document of anything thrown. What is not ours becomes `internal`, without its message. */
export function toProblem(error: unknown): Problem {
  if (!(error instanceof CloisterError))
    return { type: 'about:blank', title: 'Something went wrong on this side.', status: 500, code: 'internal' }
  const { code, message, hint, details } = error
  return {
    type: 'about:blank',
    title: message,
    status: ERRORS[code].status,
    code,
    ...(hint && { hint }),
    ...(Object.keys(details).length > 0 && { details }),
  }
}

/** The error that an answer's body tells of; `bad-answer` where it tells nothing we know. */
export function fromProblem(status: number, body: string, who: string): CloisterError {
  try {
    const problem = Problem.parse(JSON.parse(body))
    // A code of a later version than this is no code here.
    return new CloisterError(isErrorCode(problem.code) ? problem.code : 'bad-answer', problem.title, {
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
    ...(body.status === ERRORS['too-large'].status && { connection: 'close' }),
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
