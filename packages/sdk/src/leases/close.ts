import { closeLease, getLease, returnedBy, type Token, topUpLease } from '@cloister/chain'
import { CloisterError, shortId } from '@cloister/core'
import { type Hex, isHash } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import { findLease } from './lease.ts'

/** What a lease cost and what came back. Base units of its token. */
export interface Closed {
  lease: Hex
  spent: bigint
  /** Back in the tenant's account. */
  refund: bigint
  /** Waits in the Market until the token moves again. */
  credited: bigint
  token: Hex
  transaction: Hex
}

/**
 * Ends a lease; what is left of its balance is back in the tenant's account with the same transaction, or
 * waits as its credit where the token doesn't move. Throws `no-wallet`, `not-found`, `forbidden` and
 * `reverted`.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { spent, refund } = await leases.close(cloister, 'my-app')
 * ```
 */
export async function close(cloister: Cloister, key: string): Promise<Closed> {
  const wallet = walletOf(cloister)
  const record = await findLease(cloister, key)
  if ((await getLease(wallet, record.lease)).state !== 'open')
    throw new CloisterError('not-found', `The lease ${record.shortId} is closed already.`)
  if (record.tenant !== wallet.account.address)
    throw new CloisterError(
      'forbidden',
      `Only its tenant, ${record.tenant}, can close the lease ${record.shortId}.`,
      {
        hint: { do: 'name-account' },
      },
    )
  const receipt = await closeLease(wallet, record.lease)
  const { sent, credited } = returnedBy(wallet, receipt, record.lease)
  const { spent } = await getLease(wallet, record.lease)
  return {
    lease: record.lease,
    spent,
    refund: sent,
    credited,
    token: record.token,
    transaction: receipt.transactionHash,
  }
}

/** What was added to a lease. Amounts in base units of `token`. */
export interface ToppedUp {
  lease: Hex
  token: Hex
  amount: bigint
  /** What the lease holds now, with what was earned since it was last settled. */
  balance: bigint
  ratePerSecond: bigint
  transaction: Hex
}

/**
 * Adds money to a lease. It never comes back to anyone but the tenant, so a lease of somebody else's has to
 * be named by its whole id: whom a name stands for is the index's word. Throws `forbidden`, `not-found`, and
 * `unknown-token` where the network file lacks its token.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { balance, ratePerSecond } = await leases.topUp(cloister, 'my-app', 1_000_000n)
 * console.log(`It lasts ${balance / ratePerSecond} seconds.`)
 * ```
 */
export async function topUp(
  cloister: Cloister,
  key: string,
  amount: bigint | ((token: Token) => bigint),
): Promise<ToppedUp> {
  const wallet = walletOf(cloister)
  const whole = key.trim().toLowerCase()
  const lease = isHash(whole) ? whole : (await findLease(cloister, key)).lease
  const { state, tenant, tokenIndex } = await getLease(wallet, lease)
  if (state !== 'open')
    throw new CloisterError('not-found', `There is no open lease ${shortId(lease)}.`, {
      hint: { do: 'list-leases' },
    })
  if (tenant !== wallet.account.address && whole !== lease)
    throw new CloisterError(
      'forbidden',
      `The lease ${shortId(lease)} belongs to ${tenant}, and so does what is paid into it.`,
      {
        hint: `To pay for it all the same, name it by its whole id: ${lease}`,
      },
    )
  const token = cloister.network.tokens[tokenIndex]
  if (!token) throw new CloisterError('unknown-token', 'The network does not know the token of the lease.')
  const added = typeof amount === 'function' ? amount(token) : amount
  const receipt = await topUpLease(wallet, lease, token.address, added)
  const { balance, ratePerSecond } = await getLease(wallet, lease)
  return {
    lease,
    token: token.address,
    amount: added,
    balance,
    ratePerSecond,
    transaction: receipt.transactionHash,
  }
}
