import { createHash, timingSafeEqual } from 'node:crypto'
import type { ScrapeToken } from '@cloister/core'

/** Tokens of a lease at one time; one more takes the place of the oldest. */
const MOST_TOKENS = 8

/** The tokens of a lease with one more. Those that have expired are forgotten. */
export function withToken(
  tokens: readonly ScrapeToken[],
  added: ScrapeToken,
  nowSeconds: number,
): ScrapeToken[] {
  const others = tokens.filter(({ hash, expiresAt }) => expiresAt > nowSeconds && hash !== added.hash)
  return [...others, added].slice(-MOST_TOKENS)
}

/**
 * Whether an `authorization` header carries a token that holds. Hashes are compared, all of them, and in a
 * time that doesn't depend on what is in them.
 */
export function holds(
  tokens: readonly ScrapeToken[],
  authorization: string | undefined,
  nowSeconds: number,
): boolean {
  const token = /^Bearer ([A-Za-z0-9_-]{20,128})$/i.exec(authorization ?? '')?.[1]
  const hash = createHash('sha256')
    .update(token ?? '')
    .digest()
  let isHeld = false
  for (const known of tokens) {
    const isSame = timingSafeEqual(hash, Buffer.from(known.hash.slice(2), 'hex'))
    if (isSame && known.expiresAt > nowSeconds) isHeld = true
  }
  return token !== undefined && isHeld
}
