// What workers that verify evidence for others are asked, and answer.
import { z } from 'zod'
import { address, bytes32, hexBytes } from '../market/words.ts'

/** `POST /v1/verdicts`: evidence about a worker's GPUs, for another worker to check and sign. */
export const VerdictRequest = z.strictObject({
  kind: z.literal('nvidia-gpus'),
  worker: address,
  tlsKeyHash: bytes32,
  /** The block that the evidence is bound to. */
  block: z.strictObject({ number: z.int().min(0), hash: bytes32 }),
  /** Detached EAT bundle, made for the nonce `gpuNonceOf(report data)`. */
  tokens: z.unknown(),
})
export type VerdictRequest = z.infer<typeof VerdictRequest>

/** What the verifier found, signed by its worker key as `Verdicts.verdictDigest` says. */
export const VerdictReport = z.object({
  platform: bytes32,
  /** Lower case model. */
  gpuClass: z.string().regex(/^[a-z0-9._-]{1,32}$/),
  gpus: z.int().min(1).max(64),
  signature: hexBytes,
})
export type VerdictReport = z.infer<typeof VerdictReport>
