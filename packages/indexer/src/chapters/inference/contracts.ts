import { VOUCHERS_ABI } from '@cloister/chain'
import type { Contract } from '../../engine/contract.ts'

export const VOUCHERS = {
  name: 'vouchers',
  abi: VOUCHERS_ABI,
  at: ({ contracts }) => contracts.vouchers,
} as const satisfies Contract
