/** Shares that a pool is reckoned to have beside those it gave out, as in Shares.sol. */
const VIRTUAL_SHARES = 10n ** 6n
/** What rewards per share are kept times, in Stake.sol and wherever it is followed. */
export const REWARD_PRECISION = 10n ** 27n

/** Shares for `amount` base units put into a pool that has `assets` and `shares`, rounded down. */
export function toShares(amount: bigint, assets: bigint, shares: bigint): bigint {
  return (amount * (shares + VIRTUAL_SHARES)) / (assets + 1n)
}

/**
 * What `shares` of a pool are worth that has `assets` base units and `all` shares, rounded down in favour of
 * the pool.
 */
export function poolAssetsOf(shares: bigint, assets: bigint, all: bigint): bigint {
  return (shares * (assets + 1n)) / (all + VIRTUAL_SHARES)
}

/** What `shares` of `all` lose where `taken` is taken out of what they are shares of, rounded down. */
export function poolLossOf(shares: bigint, taken: bigint, all: bigint): bigint {
  return (shares * taken) / (all + VIRTUAL_SHARES)
}
