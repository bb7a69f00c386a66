import { CloisterError } from './errors/error.ts'

/** A token as people see it. Amounts are bigint in base units. */
export interface TokenInfo {
  symbol: string
  decimals: number
}

const SECONDS_PER_HOUR = 3600n

/**
 * `"1.5"` with 6 decimals → `1500000n`. Throws `bad-amount` on anything but a plain decimal number that fits
 * exactly.
 */
export function parseAmount(text: string, decimals: number): bigint {
  const match = /^(\d{1,78})(?:\.(\d{1,78}))?$/.exec(text.trim())
  if (!match)
    throw new CloisterError(
      'bad-amount',
      `${JSON.stringify(text.slice(0, 60))} is not an amount such as 10 or 0.25.`,
    )
  const fraction = (match[2] ?? '').replace(/0+$/, '')
  if (fraction.length > decimals)
    throw new CloisterError('bad-amount', `${text} has more than ${decimals} decimal places.`)
  return BigInt(match[1] ?? '0') * 10n ** BigInt(decimals) + BigInt(fraction.padEnd(decimals, '0') || '0')
}

/** `1500000n` with 6 decimals → `"1.5"`, exact. */
export function formatAmount(amount: bigint, decimals: number): string {
  const sign = amount < 0n ? '-' : ''
  const digits = (amount < 0n ? -amount : amount).toString().padStart(decimals + 1, '0')
  const whole = digits.slice(0, digits.length - decimals)
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '')
  return fraction === '' ? sign + whole : `${sign}${whole}.${fraction}`
}

/** An amount with its symbol, rounded down to at most `places` decimal places for reading. */
export function showAmount(amount: bigint, token: TokenInfo, places = 4): string {
  const drop = token.decimals > places ? 10n ** BigInt(token.decimals - places) : 1n
  return `${formatAmount(amount - (amount % drop), token.decimals)} ${token.symbol}`
}

/** Base units an hour costs at a rate per second. */
export function pricePerHour(ratePerSecond: bigint): bigint {
  return ratePerSecond * SECONDS_PER_HOUR
}

/**
 * The rate per second that comes closest above a price per hour. A rate is at least one base unit a second.
 */
export function rateForHourlyPrice(perHour: bigint): bigint {
  const rate = (perHour + SECONDS_PER_HOUR - 1n) / SECONDS_PER_HOUR
  return rate > 0n ? rate : 1n
}

/** Whole seconds that `balance` lasts at `ratePerSecond`. */
export function secondsAffordable(balance: bigint, ratePerSecond: bigint): bigint {
  return ratePerSecond === 0n ? 0n : balance / ratePerSecond
}
