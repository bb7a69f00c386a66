import type { Resources } from '../manifest/resources.ts'

const PARTS = ['cpuMilli', 'memoryMiB', 'diskMiB', 'gpus'] as const
const WHOLE = 0xffffn

/**
 * What a lease takes of a worker, as the Market reckons (Room.sol): 65,535ths of its CPUs, memory, disk and GPUs, 16 bits each, from
 * the highest. Rounded down, so that N Nths are no more than the whole, and at least one of what is taken at all.
 */
export function roomOf(taken: Omit<Resources, 'gpuModels'>, capacity: Omit<Resources, 'gpuModels'>): bigint {
  let room = 0n
  for (const part of PARTS) {
    const [some, all] = [BigInt(taken[part]), BigInt(capacity[part])]
    const share = some >= all ? WHOLE : (some * WHOLE) / all
    room = (room << 16n) | (some === 0n ? 0n : share === 0n ? 1n : share)
  }
  return room
}
