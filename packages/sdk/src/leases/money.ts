import {
  costOf,
  type FeePrices,
  getTokenBalance,
  readFeePrices,
  TRANSACTIONS,
  type Transaction,
} from '@cloister/chain'
import { CloisterError, formatAmount, type Hint, showAmount } from '@cloister/core'
import type { Address } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'

/**
 * Checks that the account can pay: `amount` base units of a token, and ether for the transaction, which is
 * that of opening a lease if no other is given. Throws `no-money` or `no-gas`.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { bids } = await leases.bids(cloister, { manifest, pay: 'USDC' })
 * if (bids[0]) await leases.requireMoney(cloister, bids[0].bid.token, bids[0].bid.minimumDeposit)
 * ```
 */
export async function requireMoney(
  cloister: Cloister,
  token: Address,
  amount: bigint,
  transaction: Transaction = TRANSACTIONS.open,
): Promise<void> {
  const { network } = cloister
  const { account, client } = walletOf(cloister)
  const known = network.tokens.find(({ address }) => address === token)
  const [held, ether, prices] = await Promise.all([
    getTokenBalance(cloister.chain, token, account.address),
    client.getBalance({ address: account.address }),
    readFeePrices(cloister.chain).catch(withoutPrices),
  ])
  const hint: Hint = { do: network.development ? 'fund-account' : 'send-money' }
  if (ether === 0n)
    throw new CloisterError(
      'no-gas',
      `The account ${account.address} has no ether to pay for transactions.`,
      { hint },
    )
  // On a layer 2 gas is the smaller part; elsewhere the node says so itself.
  const { total } = costOf(prices, transaction)
  if (prices.layer2 && ether < total)
    throw new CloisterError(
      'no-gas',
      `The account ${account.address} has ${formatAmount(ether, 18)} ETH; the transaction costs about ${formatAmount(total, 18)} ETH with its data on layer 1.`,
      { hint, details: { held: ether.toString(), wanted: total.toString() } },
    )
  if (held >= amount) return
  const shown = (value: bigint) => (known ? showAmount(value, known, known.decimals) : `${value} of ${token}`)
  throw new CloisterError(
    'no-money',
    `The account ${account.address} has ${shown(held)}; the deposit is ${shown(amount)}.`,
    {
      hint,
      details: { held: held.toString(), wanted: amount.toString() },
    },
  )
}

/** Fees that can't be reckoned stop nobody: the node says itself where there is too little ether. */
function withoutPrices(error: unknown): FeePrices {
  if (error instanceof CloisterError && error.code === 'bad-answer') return { gasPrice: 0n }
  throw error
}
