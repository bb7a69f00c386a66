import { MARKET_ABI } from '@cloister/chain'
import type { Contract } from '../../engine/contract.ts'

export const MARKET = {
  name: 'market',
  abi: MARKET_ABI,
  at: ({ contracts }) => contracts.market,
} as const satisfies Contract
