import { DevelopmentPlatform, DevelopmentRoot } from '@cloister/attest/devnet'
import type { EvidenceSource } from './source.ts'

/**
 * A machine made of software, for development networks: the root's folder certifies it once, and it is kept with the worker.
 * Its quotes are in the format of real ones; everything that checks them says `simulated`.
 */
export async function developmentSource(folder: string, rootFolder: string): Promise<EvidenceSource> {
  const platform = await DevelopmentPlatform.open(folder, async () => (await DevelopmentRoot.open(rootFolder)).manufacture())
  return { name: 'development platform (simulated)', quote: async (reportData) => ({ quote: platform.quote(reportData) }) }
}
