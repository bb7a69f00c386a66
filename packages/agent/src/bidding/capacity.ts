import { type Resources, roomGrain } from '@cloister/core'
import { LEASE_OVERHEAD_MIB } from '@cloister/executors'
import type { AgentConfig } from '../config.ts'
import type { StoredLease } from '../store.ts'

/** Room on a worker, in a manifest's units. */
export type Room = Omit<Resources, 'gpuModels'>

/** What a lease takes of a worker: what its containers may take, and what may work for them beside. */
export function takenBy<R extends Pick<Room, 'memoryMiB'>>(resources: R): R {
  return { ...resources, memoryMiB: resources.memoryMiB + LEASE_OVERHEAD_MIB }
}

/** What containers may take of what a lease takes. */
export function lentOf<R extends Pick<Room, 'memoryMiB'>>(resources: R): R {
  return { ...resources, memoryMiB: Math.max(0, resources.memoryMiB - LEASE_OVERHEAD_MIB) }
}

/** All a worker has to lend. */
export function capacityOf({ capacity }: Pick<AgentConfig, 'capacity'>): Room {
  return {
    cpuMilli: Math.round(capacity.cpus * 1000),
    memoryMiB: capacity.memory,
    diskMiB: capacity.disk,
    gpus: capacity.gpus,
  }
}

/**
 * What is left beside the leases; never below zero. What a lease takes is known to a grain, and the N Nths
 * of a worker all fit.
 */
export function freeRoom(capacity: Room, leases: readonly Pick<StoredLease, 'resources'>[]): Room {
  const left = { ...capacity }
  for (const { resources } of leases)
    for (const key of ['cpuMilli', 'memoryMiB', 'diskMiB', 'gpus'] as const)
      left[key] = Math.max(0, left[key] - Math.max(0, resources[key] - roomGrain(capacity[key])))
  return left
}
