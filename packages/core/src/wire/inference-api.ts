// What the indexer says of models that are paid by the token. Amounts in base units of their token, instants
// in Unix seconds.
import * as z from 'zod'
import { address, bytes32, decimal } from '../shapes.ts'

const seconds = z.number().describe('Unix seconds')

/** A model at a price. */
export const OfferRecord = z.object({
  offer: bytes32,
  lease: bytes32,
  /** Who offers it: the lease's tenant; and what serves it. */
  tenant: address,
  worker: address,
  provider: address,
  /** SHA-256 of the canonical manifest that the lease runs now. */
  manifestHash: bytes32,
  model: z.string().max(128),
  /** What the lease's manifest is made from, in JSON, as the tenant says: to be held against the hash. */
  options: z.string().max(8_192),
  token: address,
  payee: address,
  /** Base units of `token` per 1,000,000 tokens of the model, as the next two. */
  input: decimal,
  /** Of input tokens that the engine had already. */
  cached: decimal,
  output: decimal,
  offeredAt: seconds,
  /** When its tenant ended or replaced it. */
  endedAt: seconds.optional(),
  /** True while it stands and its lease is open. */
  open: z.boolean(),
  transaction: bytes32,
})
export type OfferRecord = z.infer<typeof OfferRecord>

/** A session key. */
export const KeyRecord = z.object({
  key: address,
  payer: address,
  token: address,
  cap: decimal,
  /** What channels have of it, or was claimed of them. */
  drawn: decimal,
  /** Last second at which it can draw. */
  until: seconds,
})
export type KeyRecord = z.infer<typeof KeyRecord>

/** What a payer has in one token. */
export const PurseRecord = z.object({
  payer: address,
  token: address,
  balance: decimal,
  /** What of it may be taken back, and from when. */
  leaving: z.object({ amount: decimal, at: seconds }).optional(),
})
export type PurseRecord = z.infer<typeof PurseRecord>

/** A channel between a payer and a receiver. */
export const ChannelRecord = z.object({
  channel: bytes32,
  payer: address,
  payerAuthorizer: address,
  receiver: address,
  receiverAuthorizer: address,
  token: address,
  withdrawDelay: z.int(),
  salt: bytes32,
  /** What was drawn from the payer's purse, and what the payer sent past it. */
  drawn: decimal,
  filled: decimal,
  /** What was claimed, the treasury's fee included; and that fee. */
  claimed: decimal,
  fee: decimal,
  /** What went back to the purse. */
  returned: decimal,
  /** What the payer announced to take back, and from when it may. */
  leaving: z.object({ amount: decimal, at: seconds }).optional(),
  openedAt: seconds,
})
export type ChannelRecord = z.infer<typeof ChannelRecord>

/** A batch of receipts whose root a worker put on chain. */
export const AnchorRecord = z.object({
  lease: bytes32,
  worker: address,
  era: decimal,
  index: decimal,
  count: decimal,
  root: bytes32,
  time: seconds,
  transaction: bytes32,
})
export type AnchorRecord = z.infer<typeof AnchorRecord>
