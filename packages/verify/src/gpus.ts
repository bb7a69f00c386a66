import {
  EvidenceError,
  fromBase64,
  gpuClassOf,
  identifyGpu,
  type TrustRoot,
  verifyGpuTokens,
} from '@cloister/attest'
import { CloisterError, type GpuReport, nameGpus } from '@cloister/core'
import type { Hex } from 'viem'
import * as z from 'zod'

/** The keys that tokens about GPUs are signed with (JWKS, RFC 7517). */
export const GpuKeySet = z.object({ keys: z.array(z.record(z.string(), z.unknown())).max(100) })
export type GpuKeySet = z.infer<typeof GpuKeySet>

/** What was found in evidence about GPUs. */
export interface JudgedGpus {
  /** Lower case model. */
  gpuClass: string
  gpus: number
  /** SHA-256 of each one's identity, ascending. */
  gpuIds: Hex[]
  /** SHA-256 of those, one after the other. */
  platform: Hex
}

/**
 * Judges evidence about GPUs for a nonce. It names no machine: whose the GPUs are, it doesn't say. Throws
 * `bad-evidence` with what is wrong.
 */
export async function judgeGpus(
  { tokens, reports = [] }: { tokens?: unknown; reports?: GpuReport[] | undefined },
  { keys, root, ...asked }: { keys: GpuKeySet; nonce: string; root: TrustRoot; instant: number },
): Promise<JudgedGpus> {
  const verdict = await verifyGpuTokens(tokens, {
    keys: keys as Parameters<typeof verifyGpuTokens>[1]['keys'],
    issuer: root.name === 'devnet' ? 'devnet' : 'nvidia',
    ...asked,
  })
  if (!verdict.genuine)
    throw new CloisterError('bad-evidence', verdict.problems[0]?.message ?? 'The evidence is not genuine.')
  // Tokens say that a GPU is in order, its own report of what SKU it is.
  const skus = new Map<string, string | undefined>()
  for (const { report, certificates } of reports) {
    const { ueid, chipSku } = await identify(report, certificates, { ...asked, root })
    skus.set(ueid, chipSku)
  }
  const ueids = (verdict.platform ?? '').split(',')
  const model = verdict.claims['model'] ?? ''
  const gpuClass = gpuClassOf(
    model,
    ueids.map((ueid) => skus.get(ueid)),
  )
  if (gpuClass === undefined)
    throw new CloisterError('bad-evidence', `GPUs of the model ${model} are of no class that counts.`)
  return { ...nameGpus(ueids), gpuClass, gpus: Number(verdict.claims['gpus']) }
}

/** Throws `bad-evidence`. `report`: base64. */
async function identify(
  report: string,
  ...others: [certificates: string, { nonce: string; instant: number; root: TrustRoot }]
): ReturnType<typeof identifyGpu> {
  try {
    return await identifyGpu(fromBase64(report, 'A GPU’s report'), ...others)
  } catch (cause) {
    if (!(cause instanceof EvidenceError)) throw cause
    throw new CloisterError('bad-evidence', cause.message, { cause })
  }
}
