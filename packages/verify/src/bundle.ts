import { GuestEndorsements, GuestKind } from '@cloister/attest'
import * as z from 'zod'
import { address, bytes32, seconds } from './shapes.ts'
import { RunStatement } from './statement.ts'

/** Everything needed to check a worker, and what it runs, without asking anybody. */
export const EvidenceBundle = z.object({
  format: z.literal('cloister-evidence/1'),
  /** Unix seconds at which it was put together, and at which everything in it is judged. */
  recordedAt: seconds,
  network: z.object({
    name: z.string().max(64),
    chainId: z.int().positive(),
    workers: address,
    market: address,
  }),
  worker: z.object({ address, provider: address, endpoint: z.string().max(512) }),
  evidence: z.object({
    /** The hardware; a TDX guest if not said. */
    kind: GuestKind.default('tdx'),
    /** TDX quote, SEV-SNP report or Nitro document, base64. */
    quote: z.base64().max(100_000),
    /** dstack's event log, JSON. */
    eventLog: z.string().max(4_000_000).optional(),
    tlsKeyHash: bytes32,
    /** What makes the quote fresh: the hash of a block, or a number that the verifier chose. */
    freshness: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('block'), number: z.int().min(0), hash: bytes32 }),
      z.object({ kind: z.literal('nonce'), nonce: bytes32 }),
    ]),
  }),
  endorsements: GuestEndorsements,
  /**
   * What the chain said when the bundle was made. Offline these are taken as they stand, and the verdict
   * says so.
   */
  chain: z.object({
    /** Unix seconds. */
    coveredUntil: seconds,
    /** Bit 1: governance lets guests of its measurement earn. */
    measurementRoles: z.int().min(0).max(255),
    /** Hash of the block that the evidence names, as the chain has it. */
    blockHash: bytes32.optional(),
  }),
  /** What witnesses say of where the machine stands; see `verifyLabels`. */
  labels: z.array(z.string().max(4096)).max(64).optional(),
  lease: z
    .object({
      id: bytes32,
      tenant: address,
      /** The manifest's hash on the lease. */
      manifestHash: bytes32,
      statement: RunStatement.optional(),
      /** The canonical manifest itself, where the tenant gave it away. */
      manifest: z.string().max(1_000_000).optional(),
    })
    .optional(),
})
export type EvidenceBundle = z.infer<typeof EvidenceBundle>
