import { CloisterError } from '@cloister/core'
import { checkOf, PARTS, type Part, partsOf } from '@cloister/secrets'
import type { Hex } from 'viem'
import type { Exchange } from '../protocol.ts'

/** What an instance remembers. Secrets in base64, by part. */
export interface Held {
  /** The seat it was given; it never serves in another. */
  seat: number
  parts: Partial<Record<Part, string>>
  /** Names of the parts that are known to exist, whoever holds them. */
  checks: Partial<Record<Part, Hex>>
  /** It has seen all three seats complete once, so that what it gives out is what the others give out. */
  open: boolean
}

/** The part that two seats share. */
function sharedPart(a: number, b: number): Part {
  return (3 - a - b) as Part
}

/** Both its parts are there, and it knows of the third. */
function isComplete({ seat, parts, checks }: Held): boolean {
  return (
    partsOf(seat).every((part) => parts[part] !== undefined) &&
    PARTS.every((part) => checks[part] !== undefined)
  )
}

/** What a seat tells another one. */
export function exchangeFor(held: Held, peer: number): Exchange {
  const part = held.parts[sharedPart(held.seat, peer)]
  return { ...(part !== undefined && { part }), checks: held.checks, complete: isComplete(held) }
}

/**
 * What a seat knows once another one has told it what it knows. Nothing known is ever replaced. Throws
 * `seats-disagree` where the other one names another secret for a part.
 */
export function learn(held: Held, peer: number, told: Exchange): Held {
  const shared = sharedPart(held.seat, peer)
  const parts = { ...held.parts }
  const checks = { ...held.checks }
  for (const part of PARTS) {
    const check = told.checks[part]
    if (check === undefined) continue
    if (checks[part] !== undefined && checks[part] !== check)
      throw new CloisterError(
        'seats-disagree',
        `Seat ${peer} knows another secret for part ${part} than seat ${held.seat}.`,
      )
    checks[part] = check
  }
  if (told.part !== undefined && parts[shared] === undefined) {
    const check = checkOf(Buffer.from(told.part, 'base64'))
    if (checks[shared] !== check)
      throw new CloisterError(
        'seats-disagree',
        `What seat ${peer} gives for part ${shared} is not that part.`,
      )
    parts[shared] = told.part
  }
  return { ...held, parts, checks }
}

/**
 * The part that this seat has to make up now: both others have answered, nobody has ever heard of it, and of
 * the two that will hold it this is the lower one. Where two of three seats lost a part, nobody makes up
 * another: its name is remembered.
 */
export function partToMake(held: Held, told: ReadonlyMap<number, Exchange>): Part | undefined {
  const others = PARTS.filter((seat) => seat !== held.seat)
  if (others.some((seat) => !told.has(seat))) return undefined
  return partsOf(held.seat).find((part) => {
    const partner = 3 - held.seat - part
    const unheardOf =
      held.checks[part] === undefined &&
      [...told.values()].every((exchange) => exchange.checks[part] === undefined)
    return held.seat < partner && unheardOf
  })
}

/** Whether all three seats are complete. */
export function allComplete(held: Held, told: ReadonlyMap<number, Exchange>): boolean {
  return isComplete(held) && told.size === 2 && [...told.values()].every(({ complete }) => complete)
}
