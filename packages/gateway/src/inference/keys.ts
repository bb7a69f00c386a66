import { hash, randomBytes } from 'node:crypto'
import { networkOf } from '@cloister/transport'
import type { Problem } from './refusals.ts'
import { Remembered } from './remembered.ts'

/** What one API key may ask of a gateway. */
export interface KeyLimits {
  /** In the long run; as many at once after a minute of rest. `Infinity` for any number. */
  requestsPerMinute: number
  /** Being answered at a time. */
  concurrent: number
}

export const USUAL_KEY_LIMITS: KeyLimits = { requestsPerMinute: 600, concurrent: 64 }
/** On a development network everybody is one person. */
export const UNLIMITED_KEYS: KeyLimits = { requestsPerMinute: Number.POSITIVE_INFINITY, concurrent: 10_000 }
/** Keys that are remembered; what is forgotten begins anew. */
const MOST_KEYS = 65_536

interface Account {
  tokens: number
  /** Milliseconds, of a clock that never goes back. */
  filledAt: number
  underWay: number
}

/** Says that a request is over. */
export type GiveBack = () => void

/**
 * Counts what keys ask for. A key is never kept: what it is known by is its digest with a secret of this
 * process's, so that a dump of memory doesn't even tell which keys were here.
 */
export class Keys {
  private readonly limits: KeyLimits
  private readonly accounts: Remembered<Account>
  private readonly secret = randomBytes(32).toString('base64')
  private readonly now: () => number

  constructor(limits: KeyLimits = USUAL_KEY_LIMITS, most = MOST_KEYS, now = () => performance.now()) {
    this.limits = limits
    this.accounts = new Remembered(most)
    this.now = now
  }

  /** Keys that are remembered now. */
  get size(): number {
    return this.accounts.size
  }

  /** What a request is counted by: its key, or its network where it has none. */
  nameOf(key: string | undefined, address: string | undefined): string {
    return hash(
      'sha256',
      `${this.secret} ${key ?? ''} ${key === undefined ? networkOf(address) : ''}`,
      'base64',
    )
  }

  /** Takes a request; says when to come again where there are too many. */
  take(name: string): GiveBack | Problem {
    const { requestsPerMinute, concurrent } = this.limits
    const now = this.now()
    const account = this.accounts.get(name) ?? { tokens: requestsPerMinute, filledAt: now, underWay: 0 }
    this.accounts.set(name, account)
    if (account.underWay >= concurrent)
      return tooMany(`This key has ${concurrent} requests under way, which is the most.`, 1)
    if (requestsPerMinute !== Number.POSITIVE_INFINITY) {
      const perMs = requestsPerMinute / 60_000
      account.tokens = Math.min(requestsPerMinute, account.tokens + (now - account.filledAt) * perMs)
      account.filledAt = now
      if (account.tokens < 1)
        return tooMany(
          `This key asks more than ${requestsPerMinute} times a minute.`,
          Math.max(1, Math.ceil((1 - account.tokens) / perMs / 1000)),
        )
      account.tokens--
    }
    account.underWay++
    let isOver = false
    return () => {
      if (!isOver) account.underWay--
      isOver = true
    }
  }
}

function tooMany(message: string, retryAfter: number): Problem {
  return { status: 429, reason: 'rate', message, retryAfter }
}

/** The key of a request: OpenAI's clients send a bearer token, Anthropic's `x-api-key`. */
export function keyIn(fieldOf: (name: string) => string | undefined): string | undefined {
  const bearer = /^Bearer +(\S.{0,4095})$/i.exec(fieldOf('authorization') ?? '')?.[1]
  return bearer ?? (fieldOf('x-api-key')?.slice(0, 4096) || undefined)
}
