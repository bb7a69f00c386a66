import { createHash } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import type { EvidenceSource, OpenSource } from '@cloister/agent'
import type { GuestKind } from '@cloister/attest'
import { CloisterError } from '@cloister/core'
import { DevelopmentPlatform, DevelopmentRoot } from './root/index.ts'

/**
 * Opens the simulated machine of a worker on a development network, unless its configuration names a real
 * source. Throws `no-evidence` where nothing says where the development root is.
 */
export const openDevelopmentSource: OpenSource = async (config, network) => {
  const named = config.evidence?.source === 'development' ? config.evidence : undefined
  const { developmentFolder } = network.attestation
  if (!network.development || (!named && developmentFolder === undefined)) return undefined
  const rootFolder =
    named?.rootFolder ?? (developmentFolder && resolve(dirname(config.network), developmentFolder))
  if (rootFolder === undefined)
    throw new CloisterError('no-evidence', 'The network does not say where its development root is.')
  return developmentSource(config.folder, rootFolder, config.capacity, named?.kind)
}

/**
 * A machine made of software, for development networks: the root's folder certifies it once, and it is kept
 * with the worker. Its quotes, and tokens and reports about GPUs it doesn't have, are in the format of real
 * ones; everything that checks them says `simulated`.
 */
export async function developmentSource(
  folder: string,
  rootFolder: string,
  { gpus = 0, gpuClass = '' } = {},
  kind: GuestKind = 'tdx',
): Promise<EvidenceSource> {
  const root = await DevelopmentRoot.open(rootFolder)
  const name =
    kind === 'tdx' ? 'development platform (simulated)' : `development ${kind} platform (simulated)`
  // A machine without GPUs, the same one as long as its folder is.
  const seed = createHash('sha256').update(folder).digest()
  if (kind === 'sev-snp') {
    const snp = await root.manufactureSnp(seed)
    return {
      name,
      quote: async (reportData) => ({
        kind,
        quote: snp.report(reportData),
        endorsements: await snp.endorsements(),
      }),
    }
  }
  if (kind === 'nitro') {
    const enclave = await root.manufactureEnclave(seed)
    return { name, quote: async (reportData) => ({ kind, quote: enclave.document(reportData) }) }
  }
  const platform = await DevelopmentPlatform.open(folder, () => root.manufacture())
  const simulated = await Promise.all(
    Array.from({ length: gpus }, (_, index) =>
      root.manufactureGpu(
        gpuClass,
        createHash('sha256').update(platform.ppid).update(String(index)).digest(),
      ),
    ),
  )
  return {
    name,
    quote: async (reportData) => ({ kind, quote: platform.quote(reportData) }),
    ...(simulated.length > 0 && {
      gpuEvidence: async (nonce: string) => ({
        tokens: await root.gpuTokens(nonce, simulated),
        reports: simulated.map((gpu) => ({
          report: Buffer.from(gpu.report(nonce)).toString('base64'),
          certificates: gpu.certificates,
        })),
      }),
    }),
  }
}
