import { smaller } from './amounts.ts'

/** A schedule of pallet-vesting's, in the old chain's units and blocks. */
export interface Schedule {
  locked: bigint
  perBlock: bigint
  startingBlock: number
}

/** Of an account's tokens, a part that becomes its own evenly. Unix seconds. */
export interface VestingPart {
  amount: bigint
  from: number
  until: number
}

/** When the state is of. */
export interface Instant {
  block: number
  /** Unix seconds. */
  time: number
  secondsPerBlock: number
}

/** Claims has 40 bits for a time. */
const LATEST_TIME = 2 ** 40 - 1

/**
 * What is still locked, as time has it: the chain ends, so blocks that were to come are seconds that will.
 * No more than `most` in all, what is unlocked last first; schedules that end alike are one part.
 */
export function vestingParts(schedules: readonly Schedule[], now: Instant, most: bigint): VestingPart[] {
  const timeOf = (block: number) =>
    Math.min(now.time + (block - now.block) * now.secondsPerBlock, LATEST_TIME)
  const parts = new Map<string, VestingPart>()
  let left = most
  const open = schedules.map((schedule) => ({ ...schedule, end: endOf(schedule) }))
  for (const { locked, perBlock, startingBlock, end } of open.sort((one, other) => other.end - one.end)) {
    if (end <= now.block) continue
    const passed = BigInt(Math.max(0, now.block - startingBlock))
    const unlocked = passed * eachBlock(perBlock)
    const still = locked - smaller(unlocked, locked)
    const amount = smaller(still, left)
    if (amount === 0n) continue
    left -= amount
    const [from, until] = [timeOf(Math.max(startingBlock, now.block)), timeOf(end)]
    const part = parts.get(`${from} ${until}`)
    if (part) part.amount += amount
    else parts.set(`${from} ${until}`, { amount, from, until })
  }
  return [...parts.values()].sort((one, other) => one.from - other.from || one.until - other.until)
}

/** The block that unlocks the last of it (pallet-vesting, `ending_block_as_balance`). */
function endOf({ locked, perBlock, startingBlock }: Schedule): number {
  const each = eachBlock(perBlock)
  return startingBlock + Number(each >= locked ? 1n : (locked + each - 1n) / each)
}

function eachBlock(perBlock: bigint): bigint {
  return perBlock > 0n ? perBlock : 1n
}
