import { APPS_ABI, KEY_SERVICE_ABI } from '@cloister/chain'
import type { Contract } from '../../engine/contract.ts'

export const APPS = {
  name: 'apps',
  abi: APPS_ABI,
  at: ({ contracts }) => contracts.apps,
} as const satisfies Contract

export const KEY_SERVICE = {
  name: 'keyService',
  abi: KEY_SERVICE_ABI,
  at: ({ contracts }) => contracts.keyService,
} as const satisfies Contract
