import { LEAST_MEMORY_MIB } from '../market/order.ts'
import { checkManifest } from './canonical.ts'
import type { Manifest } from './manifest.ts'

/**
 * A manifest that takes another's disk and as good as nothing else: what a lease is for whose containers
 * stand still. It is never run. Throws `bad-manifest` for one that isn't one.
 */
export function diskOnly(manifest: Manifest): Manifest {
  const kept = structuredClone(manifest)
  for (const service of Object.values(kept.services)) {
    service.resources = { ...service.resources, cpuMilli: 1, memoryMiB: LEAST_MEMORY_MIB }
    delete service.resources.gpu
  }
  return checkManifest(kept)
}
