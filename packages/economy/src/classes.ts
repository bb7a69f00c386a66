/**
 * GPU classes as the contracts are deployed with them: whole CLOI that one needs in its provider's pool, and
 * tenths of an H100 it weighs.
 */
export const GPU_CLASSES = {
  h100: { collateral: 1_250n, weight: 10 },
  h200: { collateral: 1_875n, weight: 15 },
  b200: { collateral: 2_250n, weight: 18 },
} as const
