import { RECEIPTS_ABI, VOUCHERS_ABI } from '@cloister/chain'
import type { Contract } from '../../engine/contract.ts'

export const VOUCHERS = {
  name: 'vouchers',
  abi: VOUCHERS_ABI,
  at: ({ contracts }) => contracts.vouchers,
  /** What was passed over changed nothing. */
  without: ['ClaimSkipped', 'DrawSkipped'],
} as const satisfies Contract

export const RECEIPTS = {
  name: 'receipts',
  abi: RECEIPTS_ABI,
  at: ({ contracts }) => contracts.receipts,
} as const satisfies Contract
