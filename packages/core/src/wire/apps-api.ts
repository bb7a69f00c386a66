// What the indexer says of apps and of the key service's seats. Instants are Unix seconds.
import * as z from 'zod'
import { address, bytes32 } from '../shapes.ts'

const seconds = z.number().describe('Unix seconds')

export const AppRecord = z.object({
  app: bytes32,
  /** What it was registered as; what is no printable ASCII is a question mark. */
  name: z.string().max(32),
  /** The app's id is made of this account and the name. */
  registeredBy: address,
  owner: address,
  /** Whom it was offered to, who hasn't taken it. */
  pendingOwner: address.optional(),
  /** Seconds that what is newly allowed waits. */
  upgradeDelay: z.int(),
  /** A shorter delay that was announced, and from when it holds. */
  nextUpgradeDelay: z.object({ seconds: z.int(), from: seconds }).optional(),
  frozenAt: seconds.optional(),
  registeredAt: seconds,
  transaction: bytes32,
})
export type AppRecord = z.infer<typeof AppRecord>

/** An entry of an app's policy. */
export const AllowanceRecord = z.object({
  hash: bytes32,
  allowedFrom: seconds,
  /** True if it never will count: the app was frozen before. */
  void: z.boolean(),
})
export type AllowanceRecord = z.infer<typeof AllowanceRecord>

export const AppPolicyRecord = AppRecord.extend({
  manifests: z.array(AllowanceRecord),
  /** Of guests. */
  measurements: z.array(AllowanceRecord),
})
export type AppPolicyRecord = z.infer<typeof AppPolicyRecord>

/** A seat of the key service. Whether it can be taken is for the chain to say. */
export const SeatRecord = z.object({
  /** 0, 1 or 2. */
  seat: z.int(),
  lease: bytes32,
  worker: address,
  provider: address,
  manifestHash: bytes32,
  filledAt: seconds,
  /** When its worker was last reported to be away. */
  absentFrom: seconds.optional(),
  /** True if its lease is open and runs what it ran when it took the seat. */
  served: z.boolean(),
})
export type SeatRecord = z.infer<typeof SeatRecord>
