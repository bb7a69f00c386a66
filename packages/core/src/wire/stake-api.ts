// What the indexer says of stake and emission. Amounts are decimal strings in base units of CLOI, instants
// Unix seconds.
import * as z from 'zod'
import { address, bytes32, decimal } from '../shapes.ts'

const seconds = z.number().describe('Unix seconds')
const perYear = z.number().describe('Part of the stake in a year, 0.1 for 10%')

export const PoolRecord = z.object({
  provider: address,
  /** Active stake. */
  stake: decimal,
  shares: decimal,
  /** The provider's own part of it. */
  own: decimal,
  exiting: decimal,
  /** Collateral of GPUs in service, which can't leave. */
  locked: decimal,
  /** Hundredths of a percent that the provider keeps of what the stake earns. */
  commissionBps: z.int(),
  nextCommission: z.object({ bps: z.int(), from: seconds }).optional(),
  delegators: z.int(),
  /** Tenths of an H100 that its GPUs weighed in the last epoch that is over, and all pools' together. */
  weight: z.int(),
  totalWeight: z.int(),
  /** Shared out among delegators so far, and kept by the provider. */
  rewarded: decimal,
  kept: decimal,
  slashed: decimal,
  yields: z.object({
    /** If stake, GPUs and emission stayed as they were in the last epoch, without compounding. */
    current: perYear,
    /**
     * What each share earned between two settlements, the last one 30 days ago or more (or the pool's
     * beginning) and the newest one, as a part of what it is worth now. Absent where that is less than an
     * hour.
     */
    trailing: perYear.optional(),
    trailingSeconds: z.number(),
  }),
})
export type PoolRecord = z.infer<typeof PoolRecord>

export const DelegationRecord = z.object({
  provider: address,
  account: address,
  shares: decimal,
  /** What the shares are worth. */
  worth: decimal,
  /** Everything put in, as stake. */
  delegated: decimal,
  claimed: decimal,
  since: seconds,
})
export type DelegationRecord = z.infer<typeof DelegationRecord>

export const ExitRecord = z.object({
  id: decimal,
  provider: address,
  account: address,
  /** What it was worth when it was asked for, and is now. */
  amount: decimal,
  worth: decimal,
  readyAt: seconds,
  state: z.enum(['waiting', 'cancelled', 'withdrawn']),
})
export type ExitRecord = z.infer<typeof ExitRecord>

export const EpochRecord = z.object({
  epoch: z.int(),
  from: seconds,
  until: seconds,
  /** It is over, and nothing about it changes any more. */
  closed: z.boolean(),
  /** What GPU workers share. Where nobody counted it is the treasury's. */
  budget: decimal,
  /** Tenths of an H100. */
  weight: z.int(),
  pools: z.array(z.object({ provider: address, weight: z.int(), reward: decimal })),
})
export type EpochRecord = z.infer<typeof EpochRecord>

export const RewardRecord = z.object({
  provider: address,
  account: address,
  amount: decimal,
  block: z.int(),
  time: seconds,
  transaction: bytes32,
})
export type RewardRecord = z.infer<typeof RewardRecord>

export const SlashRecord = z.object({
  provider: address,
  /** Of active and of exiting stake. */
  active: decimal,
  exiting: decimal,
  reporter: address.optional(),
  reward: decimal,
  reason: bytes32,
  /** What was proven; absent where governance slashed. */
  offence: z.enum(['receipts', 'bids', 'refusal', 'overcharge']).optional(),
  block: z.int(),
  time: seconds,
  transaction: bytes32,
})
export type SlashRecord = z.infer<typeof SlashRecord>

/** A period of 180 days: what was emitted in it so far, and what the network earned in fees. */
export const PeriodRecord = z.object({
  period: z.int(),
  from: seconds,
  until: seconds,
  emitted: decimal,
  fees: z.array(z.object({ token: address, amount: decimal })),
})
export type PeriodRecord = z.infer<typeof PeriodRecord>
