import { CloisterError, Problem } from '@cloister/core'
import { z } from '@hono/zod-openapi'
import type { Page, Place } from '../chapters/leases/queries.ts'

/** What a route answers where it can't. */
export const problem = {
  content: { 'application/problem+json': { schema: Problem } },
  description: 'What was wrong and what would be right (RFC 9457).',
}
/** A route's answer. */
export const json = <T extends z.ZodType>(schema: T, description: string) => ({
  content: { 'application/json': { schema } },
  description,
})
/** `true` or `false` in a query. */
export const flag = z
  .enum(['true', 'false'])
  .transform((text) => text === 'true')
  .optional()
/** What pages are asked for with. */
export const paging = {
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(400).optional(),
}
/** A page as it is sent. */
export function toJson<T>({ items, next }: Page<T, object>): { items: T[]; next?: string } {
  return { items, ...(next && { next: Buffer.from(JSON.stringify(next)).toString('base64url') }) }
}

/** As much as the columns hold. */
const small = z
  .int()
  .min(0)
  .max(2 ** 31 - 1)
const PlaceJson = z.strictObject({ block: z.int().min(0), logIndex: small, part: small.optional() })

/** Where a cursor points in the order of the chain. Throws `bad-request`. */
export function placeOf(cursor: string | undefined): Place | undefined {
  return cursorOf(cursor, PlaceJson)
}

/** Where a cursor of another list points. Throws `bad-request`. */
export function cursorOf<T extends z.ZodType>(cursor: string | undefined, place: T): z.infer<T> | undefined {
  if (cursor === undefined) return undefined
  try {
    return place.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')))
  } catch {
    throw new CloisterError('bad-request', 'The cursor is not one of ours.', {
      hint: 'Take `next` of the page before as it is.',
    })
  }
}

/** Without the filters that were not given. */
export function given<T extends Record<string, unknown>>(
  filters: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== undefined)) as never
}
