import { WORKERS_ABI } from '@cloister/chain'
import type { Contract } from '../../engine/contract.ts'

export const WORKERS = {
  name: 'workers',
  abi: WORKERS_ABI,
  at: ({ contracts }) => contracts.workers,
} as const satisfies Contract
