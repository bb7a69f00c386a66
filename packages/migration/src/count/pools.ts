import type { LegacyAccount } from '../account.ts'
import type { Pool } from '../pallets/pools.ts'
import { larger, smaller } from './amounts.ts'
import type { Holdings, LeftOut } from './holdings.ts'

/**
 * Hands what pools hold to those whose shares they are. A share is worth its part of what the chain reckons
 * the pool to be worth, as far as the pool holds that much; what it holds beyond, and what rounding down
 * leaves, is nobody's. Vaults come behind the stake pools they hold shares of.
 */
export function countPools(pools: readonly Pool[], holdings: Holdings): LeftOut[] {
  const leftOut: LeftOut[] = []
  const later = new Set<LegacyAccount>(pools.map(({ account }) => account))
  /** What vaults' shares of stake pools came to. */
  const invested = new Map<LegacyAccount, bigint>()
  for (const pool of pools) {
    later.delete(pool.account)
    const held =
      holdings.takeKind(pool.account, 'wrapped') +
      (pool.lockAccount ? holdings.takeKind(pool.lockAccount, 'wrapped') : 0n) +
      (invested.get(pool.account) ?? 0n)
    const value = smaller(pool.totalValue, held)
    const counted = pool.shares.reduce((sum, { shares }) => sum + shares, pool.ownerShares)
    const all = larger(pool.totalShares, counted)
    let rest = held
    const worthOf = (shares: bigint) => {
      const worth = all === 0n ? 0n : (shares * value) / all
      rest -= worth
      return worth
    }
    for (const { account, shares, isQueued, nft } of pool.shares) {
      const worth = worthOf(shares)
      if (account === undefined)
        leftOut.push({
          account: pool.account,
          amount: worth,
          reason: `a share of ${pool.kind} ${pool.pid} that is nobody’s (${nft})`,
        })
      else if (later.has(account)) invested.set(account, (invested.get(account) ?? 0n) + worth)
      else holdings.add(account, isQueued ? 'queued' : 'staked', worth)
    }
    holdings.add(pool.owner, 'commission', worthOf(pool.ownerShares))
    if (pool.rewardAccount)
      holdings.add(pool.owner, 'commission', holdings.takeKind(pool.rewardAccount, 'wrapped'))
    leftOut.push({
      account: pool.account,
      amount: rest,
      reason: `what ${pool.kind} ${pool.pid} holds beyond its shares’ value`,
    })
  }
  return leftOut.filter(({ amount }) => amount > 0n)
}

/** Accounts that pools have, which nobody holds a key of. */
export function accountsOfPools(pools: readonly Pool[]): Map<LegacyAccount, string> {
  return new Map(
    pools.flatMap(({ kind, pid, account, lockAccount, rewardAccount }) =>
      [account, lockAccount, rewardAccount].flatMap((one) =>
        one ? [[one, `an account of ${kind} ${pid}`] as const] : [],
      ),
    ),
  )
}
