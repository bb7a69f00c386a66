import { LEAST_MEMORY_MIB } from '../market/order.ts'
import { checkManifest } from './canonical.ts'
import type { Manifest } from './manifest.ts'

/** Workers take no smaller leases, unless whoever runs them says otherwise. */
const SMALLEST = { cpuMilli: 50, memoryMiB: 32 }

/**
 * A manifest that takes another's disk and as good as nothing else: what a lease is for whose containers
 * stand still. It is never run. Throws `bad-manifest` for one that isn't one.
 */
export function diskOnly(manifest: Manifest): Manifest {
  const kept = structuredClone(manifest)
  for (const [index, service] of Object.values(kept.services).entries()) {
    const least = index === 0 ? SMALLEST : { cpuMilli: 1, memoryMiB: LEAST_MEMORY_MIB }
    service.resources = { ...service.resources, ...least }
    delete service.resources.gpu
  }
  return checkManifest(kept)
}
