import {
  announceWithdrawal,
  depositPurse,
  findToken,
  getPurse,
  type Purse,
  withdrawPurse,
} from '@cloister/chain'
import type { Address } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import { requireMoney } from '../leases/money.ts'

/**
 * Puts money into the account's purse, which its API keys spend at every endpoint, in base units of a token.
 * Throws `unknown-token`, `no-wallet`, `no-money`, `not-found` or `reverted`.
 *
 * @example
 * ```ts
 * import { models } from '@cloister/sdk'
 *
 * await models.fund(cloister, { token: 'USDC', amount: 10_000_000n })
 * ```
 */
export async function fund(
  cloister: Cloister,
  { token, amount }: { token: string; amount: bigint },
): Promise<void> {
  const { address } = findToken(cloister.network, token)
  await requireMoney(cloister, address, amount)
  await depositPurse(walletOf(cloister), address, amount)
}

/**
 * What is in an account's purse. Throws `unknown-token` or `not-found`.
 *
 * @example
 * ```ts
 * import { models, walletOf } from '@cloister/sdk'
 *
 * const { balance } = await models.purse(cloister, walletOf(cloister).account.address, 'USDC')
 * ```
 */
export function purse({ chain, network }: Cloister, payer: Address, token: string): Promise<Purse> {
  return getPurse(chain, payer, findToken(network, token).address)
}

/**
 * Takes money back out of the account's purse, in two steps: the first call announces it, and `readyAt` says
 * when; after that the next call sends it to the account. Endpoints may draw what they served until then.
 * Throws `unknown-token`, `no-wallet`, `not-found` or `reverted`.
 *
 * @example
 * ```ts
 * import { models } from '@cloister/sdk'
 *
 * const { readyAt, withdrawn } = await models.withdraw(cloister, { token: 'USDC', amount: 1_000_000n })
 * ```
 */
export async function withdraw(
  cloister: Cloister,
  { token, amount }: { token: string; amount: bigint },
): Promise<{ withdrawn: bigint; readyAt: number | undefined }> {
  const { address } = findToken(cloister.network, token)
  const wallet = walletOf(cloister)
  const { leavesAt } = await getPurse(wallet, wallet.account.address, address)
  const { timestamp } = await wallet.client.getBlock()
  if (leavesAt === undefined)
    return { withdrawn: 0n, readyAt: await announceWithdrawal(wallet, address, amount) }
  if (BigInt(leavesAt) > timestamp) return { withdrawn: 0n, readyAt: leavesAt }
  return { withdrawn: await withdrawPurse(wallet, address, wallet.account.address), readyAt: undefined }
}
