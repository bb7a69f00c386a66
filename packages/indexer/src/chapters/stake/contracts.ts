import { EMISSION_ABI, SLASHING_ABI, STAKE_ABI } from '@cloister/chain'
import type { Contract } from '../../engine/contract.ts'

export const STAKE = {
  name: 'stake',
  abi: STAKE_ABI,
  at: ({ contracts }) => contracts.stake,
} as const satisfies Contract

export const EMISSION = {
  name: 'emission',
  abi: EMISSION_ABI,
  at: ({ contracts }) => contracts.emission,
} as const satisfies Contract

export const SLASHING = {
  name: 'slashing',
  abi: SLASHING_ABI,
  at: ({ contracts }) => contracts.slashing,
} as const satisfies Contract
