/**
 * Base units of CLOI (18 decimals) that are ever emitted, seconds of a period and of an epoch, as in
 * Schedule.sol.
 */
export const EMISSION_TOTAL = 700_000_000n * 10n ** 18n
export const PERIOD_SECONDS = 180 * 86_400
export const EPOCH_SECONDS = 3_600

/**
 * Everything emitted `elapsed` whole seconds after the beginning, in base units: each period, a quarter of
 * what was left when it began.
 */
export function emitted(elapsed: number): bigint {
  if (elapsed <= 0) return 0n
  let left = EMISSION_TOTAL
  let end = PERIOD_SECONDS
  for (; elapsed >= end && left > 3n; end += PERIOD_SECONDS) left -= left / 4n
  if (left < 4n) return EMISSION_TOTAL - left
  return (
    EMISSION_TOTAL - left + ((left / 4n) * BigInt(elapsed + PERIOD_SECONDS - end)) / BigInt(PERIOD_SECONDS)
  )
}

/** What of it is for all stake. As much is for GPU workers. */
export function emittedForStake(elapsed: number): bigint {
  return (emitted(elapsed) * 2n) / 5n
}

/** What of it is the treasury's. */
export function emittedForTreasury(elapsed: number): bigint {
  return emitted(elapsed) - 2n * emittedForStake(elapsed)
}

/** What GPU workers share in an epoch, counted from 0, in base units. All stake earns as much in it. */
export function gpuBudgetOf(epoch: number): bigint {
  return emittedForStake((epoch + 1) * EPOCH_SECONDS) - emittedForStake(epoch * EPOCH_SECONDS)
}
