import { createHash } from 'node:crypto'
import type { GuestKind } from '@cloister/attest'
import { type DevelopmentGpu, DevelopmentPlatform, DevelopmentRoot } from '@cloister/attest/devnet'
import type { EvidenceSource } from './source.ts'

/** Models as tokens name them, by class. */
const MODELS: Record<string, string> = { h100: 'GH100 (simulated)', h200: 'GH100 (simulated)', b200: 'GB100 (simulated)' }

/**
 * A machine made of software, for development networks: the root's folder certifies it once, and it is kept with the worker.
 * Its quotes, and tokens about GPUs it doesn't have, are in the format of real ones; everything that checks them says `simulated`.
 */
export async function developmentSource(
  folder: string,
  rootFolder: string,
  { gpus = 0, gpuClass = '' } = {},
  kind: GuestKind = 'tdx',
): Promise<EvidenceSource> {
  const root = await DevelopmentRoot.open(rootFolder)
  const name = kind === 'tdx' ? 'development platform (simulated)' : `development ${kind} platform (simulated)`
  // A machine without GPUs, the same one as long as its folder is.
  const seed = createHash('sha256').update(folder).digest()
  if (kind === 'sev-snp') {
    const snp = await root.manufactureSnp(seed)
    return { name, quote: async (reportData) => ({ kind, quote: snp.report(reportData), collateral: await snp.collateral() }) }
  }
  if (kind === 'nitro') {
    const enclave = await root.manufactureEnclave(seed)
    return { name, quote: async (reportData) => ({ kind, quote: enclave.document(reportData) }) }
  }
  const platform = await DevelopmentPlatform.open(folder, () => root.manufacture())
  const simulated = Array.from({ length: gpus }, (_, index): DevelopmentGpu => {
    const identity = createHash('sha256').update(platform.ppid).update(String(index)).digest('hex')
    return { model: MODELS[gpuClass] ?? gpuClass, ueid: BigInt(`0x${identity.slice(0, 36)}`).toString() }
  })
  return {
    name,
    quote: async (reportData) => ({ kind, quote: platform.quote(reportData) }),
    ...(simulated.length > 0 && { gpuTokens: (nonce: string) => root.gpuTokens(nonce, simulated) }),
  }
}
