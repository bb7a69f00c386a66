import { EvidenceError, gpuClassOf, identifyGpu, type TrustRoot, verifyGpuTokens } from '@cloister/attest'
import { type Network, nameGpus } from '@cloister/chain'
import { CloisterError, type GpuReport, type VerdictReport } from '@cloister/core'
import { zeroHash } from 'viem'
import { z } from 'zod'

const ANSWER_MS = 10_000
const KEYS_KEPT_MS = 600_000
const KeySet = z.object({ keys: z.array(z.record(z.string(), z.unknown())).max(100) })
type KeySet = z.infer<typeof KeySet>

/** What was found in evidence. */
export type Found = Omit<VerdictReport, 'signature'>

/** The keys that tokens about GPUs are signed with, kept for ten minutes. */
export class GpuKeys {
  private readonly url: string
  private kept: { at: number; set: KeySet } | undefined

  constructor({ attestation }: Pick<Network, 'attestation'>) {
    this.url = attestation.gpuKeysUrl
  }

  /** Throws `no-collateral`. */
  async get(): Promise<KeySet> {
    if (this.kept && Date.now() - this.kept.at < KEYS_KEPT_MS) return this.kept.set
    try {
      const response = await fetch(this.url, { signal: AbortSignal.timeout(ANSWER_MS), redirect: 'error' })
      const set = KeySet.parse(await response.json())
      this.kept = { at: Date.now(), set }
      return set
    } catch (cause) {
      throw new CloisterError('no-collateral', 'The key set for tokens about GPUs is not to be had.', {
        cause,
      })
    }
  }
}

/**
 * Judges evidence about GPUs for a nonce. It names no machine: whose the GPUs are, it doesn't say. Throws
 * `bad-evidence` with what is wrong.
 */
export async function judgeGpus(
  { tokens, reports = [] }: { tokens?: unknown; reports?: GpuReport[] | undefined },
  { keys, nonce, root }: { keys: KeySet; nonce: string; root: TrustRoot },
): Promise<Found> {
  const asked = { nonce, instant: Math.floor(Date.now() / 1000) }
  const verdict = await verifyGpuTokens(tokens, {
    keys: keys as Parameters<typeof verifyGpuTokens>[1]['keys'],
    ...asked,
  })
  if (!verdict.genuine)
    throw new CloisterError('bad-evidence', verdict.problems[0]?.message ?? 'The evidence is not genuine.')
  // Tokens say that a GPU is in order, its own report of what SKU it is.
  const skus = new Map<string, string | undefined>()
  for (const { report, certificates } of reports) {
    const { ueid, chipSku } = await identify(new Uint8Array(Buffer.from(report, 'base64')), certificates, {
      ...asked,
      root,
    })
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
  return { ...nameGpus(ueids), image: zeroHash, gpuClass, gpus: Number(verdict.claims['gpus']) }
}

/** Throws `bad-evidence`. */
async function identify(...parameters: Parameters<typeof identifyGpu>): ReturnType<typeof identifyGpu> {
  try {
    return await identifyGpu(...parameters)
  } catch (cause) {
    if (!(cause instanceof EvidenceError)) throw cause
    throw new CloisterError('bad-evidence', cause.message, { cause })
  }
}
