import { z } from 'zod'
import { canonicalHash } from '../manifest/canonical.ts'
import { address, bytes32, decimal } from './words.ts'

/** What a tenant asks bids for. Signed by nobody: a provider that answers commits itself to its hash. */
export const Order = z.strictObject({
  version: z.literal(1),
  tenant: address,
  manifestHash: bytes32,
  /** Token the tenant will pay in. */
  token: address,
  resources: z.strictObject({
    cpuMilli: z.int().min(1).max(1 << 30),
    memoryMiB: z.int().min(1).max(1 << 30),
    diskMiB: z.int().min(1).max(1 << 30),
    gpus: z.int().min(0).max(4096),
    gpuModels: z.array(z.string().regex(/^[a-z0-9._-]{1,32}$/)).max(64),
  }),
  /** What the worker must say of itself. */
  attributes: z.record(z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,45}$/), z.string().max(255)),
  /** `unattested` accepts workers covered by their own signed presence. */
  policy: z.strictObject({ attestation: z.literal('unattested') }),
  /** Price ceiling in base units of the token per covered second. */
  maxRatePerSecond: decimal.optional(),
})

export type Order = z.infer<typeof Order>

/** SHA-256 of the order's canonical JSON; part of every bid that answers it. */
export function hashOrder(order: Order): `0x${string}` {
  return canonicalHash(order)
}
