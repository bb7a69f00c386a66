import type { Token } from '@cloister/chain'
import { CloisterError, formatAmount } from '@cloister/core'
import type { CheckedBid } from './bids.ts'

/**
 * What is put in: so many base units, or as many as are reckoned from the bid that is taken, and at least
 * what that asks for.
 */
export type AskedDeposit = bigint | ((chosen: CheckedBid) => bigint)

/**
 * Base units that a lease is opened with where `asked` is said of it.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { bids } = await leases.bids(cloister, { manifest, pay: 'USDC' })
 * const anHour = bids.map((bid) => leases.depositFor(bid, ({ bid }) => bid.ratePerSecond * 3600n))
 * ```
 */
export function depositFor(chosen: CheckedBid, asked: AskedDeposit): bigint {
  if (typeof asked === 'bigint') return asked
  const { minimumDeposit } = chosen.bid
  const reckoned = asked(chosen)
  if (reckoned < minimumDeposit) return minimumDeposit
  return reckoned
}

/**
 * Whether a bid asks for a deposit that nobody who gave no amount could expect: more than what was reckoned,
 * and more than an hour at its price and a twentieth of a whole token, which is the most that the default
 * configuration of a provider asks for.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { bids, token } = await leases.bids(cloister, { manifest, pay: 'USDC' })
 * const greedy = bids.filter((bid) => leases.isUnexpected(bid, ({ bid }) => bid.ratePerSecond * 60n, token))
 * ```
 */
export function isUnexpected(
  chosen: CheckedBid,
  asked: AskedDeposit,
  { decimals }: Pick<Token, 'decimals'>,
): boolean {
  if (typeof asked === 'bigint') return false
  const { minimumDeposit, ratePerSecond } = chosen.bid
  return minimumDeposit > asked(chosen) && minimumDeposit > ordinaryDeposit(ratePerSecond, decimals)
}

/**
 * Why a lease isn't opened with what is put in: it is less than the bid asks for (`deposit-too-small`), or
 * the bid asks for more than anybody could expect and nobody is there to be asked (`deposit-unexpected`).
 * Undefined where nothing is wrong.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { bids, token } = await leases.bids(cloister, { manifest, pay: 'USDC' })
 * const best = bids.find((bid) => !leases.depositProblem(bid, 1_000_000n, token, false))
 * ```
 */
export function depositProblem(
  chosen: CheckedBid,
  asked: AskedDeposit,
  token: Token,
  canAsk: boolean,
): CloisterError | undefined {
  const { minimumDeposit, ratePerSecond } = chosen.bid
  const deposit = depositFor(chosen, asked)
  const shown = (amount: bigint) => `${formatAmount(amount, token.decimals)} ${token.symbol}`
  const least = formatAmount(minimumDeposit, token.decimals)
  if (deposit < minimumDeposit)
    return new CloisterError(
      'deposit-too-small',
      `The worker opens no lease with less than ${shown(minimumDeposit)}, and this is ${shown(deposit)}. What is not used is paid back.`,
      { hint: { do: 'give-deposit', subject: least } },
    )
  if (canAsk || !isUnexpected(chosen, asked, token)) return undefined
  return new CloisterError(
    'deposit-unexpected',
    `The worker opens no lease with less than ${shown(minimumDeposit)}; an hour of it costs ${shown(ratePerSecond * 3600n)}. Nobody agreed to put in so much.`,
    {
      hint: { do: 'give-deposit', subject: least },
      details: { minimumDeposit: minimumDeposit.toString() },
    },
  )
}

function ordinaryDeposit(ratePerSecond: bigint, decimals: number): bigint {
  return ratePerSecond * 3600n + 10n ** BigInt(decimals) / 20n
}
