import { CloisterError } from '@cloister/core'
import { z } from '@hono/zod-openapi'

/** Where a page begins: after this place in the order of the chain, newest first. */
export interface Place {
  block: number
  logIndex: number
  part?: number | undefined
}

/** `next` is the place of the last item, in the order of the list, unless there are no more. */
export interface Page<T, P = Place> {
  items: T[]
  next: P | undefined
}

/** What pages are asked for with. */
export const paging = {
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(400).optional(),
}

/** A page as it is sent. */
export function toJson<T>({ items, next }: Page<T, object>): { items: T[]; next?: string } {
  return { items, ...(next && { next: Buffer.from(JSON.stringify(next)).toString('base64url') }) }
}

/** A page out of one row more than it holds. */
export function pageFrom<Row, T, P>(
  rows: Row[],
  limit: number,
  recordOf: (row: Row) => T,
  placeOf: (row: Row) => P,
): Page<T, P> {
  const last = rows[limit - 1]
  return {
    items: rows.slice(0, limit).map(recordOf),
    next: rows.length > limit && last !== undefined ? placeOf(last) : undefined,
  }
}

/** Where a row of events is in the order of the chain. */
export function placeIn({ block, logIndex }: Place): Place {
  return { block, logIndex }
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
