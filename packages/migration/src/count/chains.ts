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
