/** A chain whose state can be counted. */
export interface LegacyChain {
  /** What its runtime calls itself (`spec_name`). */
  name: string
  specVersion: number
  symbol: string
  decimals: number
  /** SS58. */
  prefix: number
  secondsPerBlock: number
}

/** Blocks of both take 12 seconds, as parachains' do. */
export const CHAINS = new Map<string, Omit<LegacyChain, 'name' | 'specVersion'>>([
  ['phala', { symbol: 'PHA', decimals: 12, prefix: 30, secondsPerBlock: 12 }],
  ['khala', { symbol: 'PHA', decimals: 12, prefix: 30, secondsPerBlock: 12 }],
])

/** A made-up one, which development networks continue. It has leaves, and no state to count. */
export const DEVELOPMENT_CHAIN: LegacyChain = {
  name: 'development',
  specVersion: 1,
  symbol: 'PHA',
  decimals: 12,
  prefix: 42,
  secondsPerBlock: 12,
}
