import type { Resources } from '../manifest/resources.ts'

const PARTS = ['cpuMilli', 'memoryMiB', 'diskMiB', 'gpus'] as const
const WHOLE = 0xffffn

type Amounts = Omit<Resources, 'gpuModels'>

/**
 * What a lease takes of a worker, as the Market reckons (Room.sol): 65,535ths of its CPUs, memory, disk and
 * GPUs, 16 bits each, from the highest. Rounded down, so that N Nths are no more than the whole, and at
 * least one of what is taken at all.
 */
export function roomOf(taken: Amounts, capacity: Amounts): bigint {
  let room = 0n
  for (const part of PARTS) {
    const [some, all] = [BigInt(taken[part]), BigInt(capacity[part])]
    const share = some >= all ? WHOLE : (some * WHOLE) / all
    room = (room << 16n) | (some === 0n ? 0n : share === 0n ? 1n : share)
  }
  return room
}

/**
 * The most that takes this room of a worker. For every bid:
 *
 *     bid ≤ amountsOf(roomOf(bid, all), all) ≤ bid + grain       where bid ≥ a 65,535th of all
 *     amountsOf(roomOf(bid, all), all) ≤ bid + 2 · grain + 1     where it is less
 *     grain = roomGrain(all), 0 up to 65,535 units
 *
 * held for random bids and capacities in market.test.ts.
 */
export function amountsOf(room: bigint, capacity: Amounts): Amounts {
  const amounts = { cpuMilli: 0, memoryMiB: 0, diskMiB: 0, gpus: 0 }
  for (const [index, part] of PARTS.entries()) {
    const share = (room >> BigInt(16 * (PARTS.length - 1 - index))) & WHOLE
    const all = BigInt(capacity[part])
    if (share > 0n && all > 0n)
      amounts[part] = share === WHOLE ? capacity[part] : Number(((share + 1n) * all - 1n) / WHOLE)
  }
  return amounts
}

/**
 * How much more than what was bid `amountsOf` may say of a worker that lends `all` of something: a 65,535th.
 */
export function roomGrain(all: number): number {
  return Math.max(0, Math.floor((all - 1) / Number(WHOLE)))
}

/** Whether `room` can be taken beside `taken`, as the Market reckons: no part goes beyond the whole. */
export function fitsRoom(taken: bigint, room: bigint): boolean {
  return PARTS.every((_, index) => {
    const shift = BigInt(16 * index)
    return ((taken >> shift) & WHOLE) + ((room >> shift) & WHOLE) <= WHOLE
  })
}
