// What the indexer says of what governance announced, suspended and proposed. Instants are Unix seconds.
import * as z from 'zod'
import { address, bytes32, decimal, hexBytes } from '../shapes.ts'

const seconds = z.number().describe('Unix seconds')
const args = z.record(z.string().max(64), z.unknown())

/**
 * Contracts whose owner announces what it changes, by what they are called in a network's description; the
 * token by itself.
 */
export const GOVERNED_CONTRACTS = [
  'token',
  'stake',
  'slashing',
  'emission',
  'market',
  'workers',
  'admission',
  'keyService',
  'splitter',
  'vouchers',
] as const
export type GovernedContract = (typeof GOVERNED_CONTRACTS)[number]

/**
 * Seconds from when an announced change may be made until it can't be made any more
 * (`Governed.CHANGE_EXPIRY`).
 */
export const CHANGE_EXPIRY_SECONDS = 14 * 86_400
/** Seconds that a suspension lasts at the most (`Admission.SUSPENSION`). */
export const SUSPENSION_SECONDS = 29 * 86_400
/** Seconds from when a proposed slash may be carried out until it has expired (`Slashing.EXPIRY`). */
export const PROPOSAL_EXPIRY_SECONDS = 14 * 86_400

/**
 * How an announced change stands: it has to `wait`, may be made now (`ready`), was `made`, `called-off`,
 * announced again (`replaced`), or nobody made it in time (`expired`).
 */
export const ANNOUNCEMENT_STATES = ['waiting', 'ready', 'made', 'called-off', 'replaced', 'expired'] as const

export const AnnouncementRecord = z.object({
  contract: z.enum(GOVERNED_CONTRACTS),
  address,
  /** Hash of the call; absent for what waits by itself, without being made again (collateral). */
  change: bytes32.optional(),
  /** The whole call. */
  call: hexBytes.optional(),
  /** Which function it calls, and with what; absent where the contract has no such function. */
  function: z.string().max(64).optional(),
  args: args.optional(),
  /** Owner of the contract at that time. */
  by: address.optional(),
  announcedAt: seconds,
  /** When it may be made, or takes effect by itself. */
  readyAt: seconds,
  /** Until when it may be made. */
  expiresAt: seconds.optional(),
  state: z.enum(ANNOUNCEMENT_STATES),
  /** When it was made, called off or announced again. */
  endedAt: seconds.optional(),
  transaction: bytes32,
})
export type AnnouncementRecord = z.infer<typeof AnnouncementRecord>

export const SUSPENSION_STATES = ['in-force', 'over', 'lifted'] as const

export const SuspensionRecord = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('measurement'),
    /** Of guests, as the chain names it. */
    measurement: bytes32,
    /** Roles that it hasn't: bit 1 earn, bit 2 sign verdicts. */
    roles: z.int().min(0).max(255),
    by: address.optional(),
    since: seconds,
    until: seconds,
    state: z.enum(SUSPENSION_STATES),
    transaction: bytes32,
  }),
  z.object({
    kind: z.literal('floor'),
    /** The family of platforms that has to reach a second floor. */
    fmspc: z.string().regex(/^0x[0-9a-f]{12}$/),
    floor: args,
    by: address.optional(),
    since: seconds,
    until: seconds,
    state: z.enum(SUSPENSION_STATES),
    transaction: bytes32,
  }),
])
export type SuspensionRecord = z.infer<typeof SuspensionRecord>

export const PROPOSAL_STATES = ['waiting', 'ready', 'executed', 'cancelled', 'expired'] as const

/** A slash that governance proposed. */
export const ProposalRecord = z.object({
  id: decimal,
  provider: address,
  /** Hundredths of a percent of the pool. */
  bps: z.int(),
  /** Hash of the reasons given. */
  reason: bytes32,
  by: address.optional(),
  proposedAt: seconds,
  readyAt: seconds,
  expiresAt: seconds,
  state: z.enum(PROPOSAL_STATES),
  /** Base units of CLOI that were taken. */
  taken: decimal.optional(),
  transaction: bytes32,
})
export type ProposalRecord = z.infer<typeof ProposalRecord>

/** All of it, newest first in each list. */
export const GovernanceRecord = z.object({
  announcements: z.array(AnnouncementRecord),
  suspensions: z.array(SuspensionRecord),
  proposals: z.array(ProposalRecord),
})
export type GovernanceRecord = z.infer<typeof GovernanceRecord>
