import type { Hex } from 'viem'

/** Why Vouchers passes a draw or a claim over, in the order of `IVouchers.Skip`. */
const SKIPS = [
  'none',
  'foreign-authorizer',
  'not-growing',
  'above-voucher',
  'above-balance',
  'not-signed',
  'not-payers-key',
  'key-over',
  'key-used-up',
  'purse-empty',
  'bad-channel',
] as const
export type Skip = (typeof SKIPS)[number]

/** A row of a batch that changed nothing. */
export interface Skipped {
  channel: Hex
  reason: Skip
}

/** The name of a reason, by its number on chain. */
export function skipOf(reason: number): Skip {
  return SKIPS[reason] ?? 'none'
}
