import { ADMISSION_ABI, SPLITTER_ABI, TOKEN_ABI } from '@cloister/chain'
import type { Contract } from '../../engine/contract.ts'
import { KEY_SERVICE } from '../apps/contracts.ts'
import { VOUCHERS } from '../inference/contracts.ts'
import { MARKET } from '../leases/contract.ts'
import { EMISSION, SLASHING, STAKE } from '../stake/contracts.ts'
import { WORKERS } from '../workers/contract.ts'

const TOKEN = {
  name: 'token',
  abi: TOKEN_ABI,
  at: ({ tokens }) => tokens.find(({ symbol }) => symbol === 'CLOI')?.address,
  /** Transfers of the token are its accounts' business. */
  without: ['Approval', 'Transfer'],
} as const satisfies Contract

export const ADMISSION = {
  name: 'admission',
  abi: ADMISSION_ABI,
  at: ({ contracts }) => contracts.admission,
} as const satisfies Contract

const SPLITTER = {
  name: 'splitter',
  abi: SPLITTER_ABI,
  at: ({ contracts }) => contracts.splitter,
  /** What is passed on is no change. */
  without: ['Split'],
} as const satisfies Contract

/** Contracts whose owner announces what it changes, by the names of `GOVERNED_CONTRACTS`. */
export const GOVERNED = [
  TOKEN,
  STAKE,
  SLASHING,
  EMISSION,
  MARKET,
  WORKERS,
  ADMISSION,
  KEY_SERVICE,
  SPLITTER,
  VOUCHERS,
] as const
