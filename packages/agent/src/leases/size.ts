import type { ChainLease } from '@cloister/chain'
import { amountsOf, fits, formatCpu, formatMiB, type Manifest, resourcesOf } from '@cloister/core'
import type { Size } from '@cloister/executors'
import type { Hex } from 'viem'
import { capacityOf, lentOf, takenBy } from '../bidding/capacity.ts'
import type { AgentConfig } from '../config.ts'
import type { Store, StoredLease } from '../store.ts'

/** Whether a lease has what a manifest needs. */
export function hasRoomFor(manifest: Manifest, { resources }: Pick<StoredLease, 'resources'>): boolean {
  return fits(takenBy(resourcesOf(manifest)), resources)
}

/**
 * Writes down that the chain says of a lease that it takes another part of this worker, where it does: that
 * is what it has from then on, whatever runs. True then. A lease whose room was never written down has what
 * it was taken on with.
 */
export function takeSize(
  store: Store,
  id: Hex,
  { room }: Pick<ChainLease, 'room'>,
  config: AgentConfig,
): boolean {
  const said = room.toString()
  const known = store.lease(id)
  if (known === undefined || known.room === said) return false
  const isResized = known.room !== undefined
  store.patchLease(id, (lease) => {
    lease.room = said
    if (!isResized) return
    lease.resources = amountsOf(room, capacityOf(config))
    noteOutgrown(lease)
  })
  return isResized
}

/** Keeps since when what runs needs more than the lease has. */
export function noteOutgrown(lease: StoredLease): void {
  if (!lease.running || hasRoomFor(lease.running.manifest, lease)) delete lease.outgrownSince
  else lease.outgrownSince ??= Date.now()
}

/** What a lease has, in words. */
export function sizeInWords({ resources }: Pick<StoredLease, 'resources'>): string {
  const { cpuMilli, memoryMiB, diskMiB, gpus } = lentOf(resources)
  const all = [formatCpu(cpuMilli), `${formatMiB(memoryMiB)} of memory`, `${formatMiB(diskMiB)} of disk`]
  return [...all, ...(gpus > 0 ? [`${gpus} ${gpus === 1 ? 'GPU' : 'GPUs'}`] : [])].join(', ')
}

/** The part of a container's spec that engines change as it runs. */
export function sizeOf({ cpuMilli, memoryMiB }: Size): Size {
  return { cpuMilli, memoryMiB }
}

export function isSameSize(one: Size, other: Size): boolean {
  return one.cpuMilli === other.cpuMilli && one.memoryMiB === other.memoryMiB
}
