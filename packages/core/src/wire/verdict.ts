// What workers that verify evidence for others are asked, and answer.
import * as z from 'zod'
import { address, bytes32, hexBytes } from '../shapes.ts'
import { SnpCertificates } from './worker.ts'

const common = {
  worker: address,
  tlsKeyHash: bytes32,
  /** The block that the evidence is bound to. */
  block: z.strictObject({ number: z.int().min(0), hash: bytes32 }),
  /**
   * The worker key's over all the rest (`verdictRequestTypedData`): evidence names no key, and anybody may
   * have some made.
   */
  signature: hexBytes,
}
const evidence = z.base64().max(100_000)

/** A GPU's raw report (base64), and its certificates (PEM). */
export const GpuReport = z.strictObject({
  report: z.base64().max(100_000),
  certificates: z.string().max(64 * 1024),
})
export type GpuReport = z.infer<typeof GpuReport>

/** Evidence about a guest, and what comes along with it. */
const GuestEvidence = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('tdx'), evidence }),
  z.strictObject({ kind: z.literal('sev-snp'), evidence, endorsements: SnpCertificates }),
  z.strictObject({ kind: z.literal('nitro'), evidence }),
])

/**
 * `POST /v1/verdicts`: evidence about a worker that no contract can check, for another worker to check and
 * sign.
 */
export const VerdictRequest = z.discriminatedUnion('kind', [
  /**
   * `tokens`: a detached EAT bundle, made for the nonce `gpuNonceOf(report data)`. `reports`: each GPU's raw
   * report for the same nonce, with its certificates (PEM), which say of what SKU it is. `guest`: evidence
   * about the guest that says so, over the same report data.
   */
  z.strictObject({
    kind: z.literal('nvidia-gpus'),
    ...common,
    tokens: z.unknown(),
    reports: z.array(GpuReport).max(64).optional(),
    guest: GuestEvidence,
  }),
  z.strictObject({ kind: z.literal('sev-snp'), ...common, evidence, endorsements: SnpCertificates }),
  z.strictObject({ kind: z.literal('nitro'), ...common, evidence }),
])
export type VerdictRequest = z.infer<typeof VerdictRequest>
export type GuestEvidence = z.infer<typeof GuestEvidence>

type WithoutSignature<T> = T extends unknown ? Omit<T, 'signature'> : never
/** What of a request its signature is over. */
export type UnsignedVerdictRequest = WithoutSignature<VerdictRequest>

/** What the verifier found, signed by its worker key as `Verdicts.verdictDigest` says. */
export const VerdictReport = z.object({
  platform: bytes32,
  /** keccak256 of the guest's measurements; zero for GPUs. */
  measurement: bytes32,
  /** Lower case model; empty for guests. */
  gpuClass: z.string().regex(/^[a-z0-9._-]{0,32}$/),
  gpus: z.int().min(0).max(64),
  /** SHA-256 of each GPU's identity, ascending; none for guests. */
  gpuIds: z.array(bytes32).max(64).default([]),
  signature: hexBytes,
})
export type VerdictReport = z.infer<typeof VerdictReport>
