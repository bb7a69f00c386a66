import * as z from 'zod'
import { CONDITION_KINDS, type Condition } from './condition.ts'

/** What a tenant is told: that a condition has come, or has gone. */
export const Notice = z.object({
  /** The same for each attempt at telling it. */
  id: z.string(),
  /** ISO 8601. */
  time: z.string(),
  lease: z.string(),
  /** What people know the lease by. */
  name: z.string(),
  kind: z.enum(CONDITION_KINDS),
  state: z.enum(['raised', 'cleared']),
  message: z.string(),
  network: z.string(),
  /** Everything on it is made of software, and nothing is worth anything. */
  simulated: z.boolean(),
})
export type Notice = z.infer<typeof Notice>

/** A condition that was seen, and since when. */
export const Seen = z.object({
  kind: z.enum(CONDITION_KINDS),
  message: z.string(),
  /** Unix milliseconds. */
  since: z.number(),
  /** The tenant was told. */
  told: z.boolean(),
})
export type Seen = z.infer<typeof Seen>

/** Milliseconds that a condition has to last before it is told, where it may be a blip. */
const PATIENCE_MS: Partial<Record<Condition['kind'], number>> = {
  unreachable: 90_000,
  unhealthy: 30_000,
  unattested: 60_000,
  'volume-away': 60_000,
  // The second try comes after two minutes.
  'certificate-failed': 300_000,
}

/** What is known of a lease's conditions after a look, and what there is to tell. */
export interface Looked {
  seen: Seen[]
  raised: Seen[]
  cleared: Seen[]
}

/**
 * Holds what is the matter now against what was before. Each condition is told once when it comes and once
 * when it goes; one that went before it was told is never told. `now` in Unix milliseconds.
 */
export function compare(before: readonly Seen[], conditions: readonly Condition[], now: number): Looked {
  const raised: Seen[] = []
  const seen = conditions.map(({ kind, message }): Seen => {
    const known = before.find((one) => one.kind === kind)
    const since = known?.since ?? now
    const isDue = now - since >= (PATIENCE_MS[kind] ?? 0)
    const next = { kind, message, since, told: known?.told === true || isDue }
    if (next.told && known?.told !== true) raised.push(next)
    return next
  })
  const cleared = before.filter((one) => one.told && !seen.some(({ kind }) => kind === one.kind))
  return { seen, raised, cleared }
}
