import { CloisterError } from '@cloister/core'
import * as z from 'zod'

const Problem = z.object({
  type: z.string().max(200).default('about:blank'),
  detail: z.string().max(4_000).default(''),
  subproblems: z
    .array(z.object({ detail: z.string().max(4_000).default('') }))
    .max(20)
    .optional(),
})

/** What an authority has said no with (RFC 8555, section 6.7). */
export class AcmeProblem extends CloisterError {
  /** The last part of its type: `rateLimited`, `unauthorized`, … */
  readonly kind: string
  /** Unix milliseconds before which it isn't to be asked again, where it has said so. */
  readonly notBefore: number | undefined
  /** What it said, without its kind. */
  readonly detail: string

  constructor(kind: string, detail: string, notBefore?: number) {
    super('refused', `The certificate authority says ${kind}: ${detail}`)
    this.kind = kind
    this.notBefore = notBefore
    this.detail = detail
  }
}

/** The problem of an answer. */
export function problemOf(status: number, text: string, retryAfter: string | null): AcmeProblem {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = {}
  }
  return asProblem(value, `status ${status}`, notBeforeOf(retryAfter))
}

/** The problem that an authorization or order has become invalid with. */
export function asProblem(value: unknown, otherwise: string, notBefore?: number): AcmeProblem {
  const parsed = Problem.safeParse(value)
  const { type = '', detail = '', subproblems = [] } = parsed.success ? parsed.data : {}
  const kind = /^urn:ietf:params:acme:error:([A-Za-z]{1,60})$/.exec(type)?.[1] ?? 'error'
  const said = [detail, ...subproblems.map((sub) => sub.detail)].filter(Boolean).join(' ')
  // It is shown to people and kept with events.
  const plain = said.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').slice(0, 500)
  return new AcmeProblem(kind, plain || otherwise, notBefore)
}

/** RFC 9110, section 10.2.3: seconds or a date; a week at the most. */
export function notBeforeOf(header: string | null, now = Date.now()): number | undefined {
  if (header === null) return undefined
  const at = /^\d{1,9}$/.test(header) ? now + Number(header) * 1000 : Date.parse(header)
  return Number.isFinite(at) && at > now ? Math.min(at, now + 7 * 86_400_000) : undefined
}
