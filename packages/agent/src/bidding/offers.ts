import { fits, formatDuration, type Order, type Resources } from '@cloister/core'
import type { AgentConfig } from '../config.ts'
import type { Room } from './capacity.ts'
import { noBid } from './price.ts'

type NoticeConfig = Pick<AgentConfig, 'noticeMinutes' | 'interruptible'>

/** On which terms an order is bid on. */
export interface Offer {
  /** What the bid says; 0 for the market's notice period. */
  noticeMinutes: number
  /** Of the reserved price. */
  percent: number
}

/**
 * The cheapest terms that an order accepts: interruptible, where it accepts so little notice and `room` has
 * what is kept free beside it, else reserved. Throws `no-bid` where it asks for more notice than is given.
 */
export function offerFor(order: Order, config: NoticeConfig, room: Room, taken: Resources): Offer {
  const { interruptible } = config
  const asked = order.noticeSeconds
  if (asked !== undefined && interruptible && interruptible.noticeMinutes * 60 >= asked) {
    const { keepFree } = interruptible
    const beside = { ...taken }
    for (const key of ['cpuMilli', 'memoryMiB', 'diskMiB', 'gpus'] as const)
      beside[key] += keptFree(keepFree)[key]
    if (fits(beside, room)) {
      const { noticeMinutes, percent } = interruptible
      return { noticeMinutes, percent }
    }
  }
  const { noticeMinutes = 0 } = config
  if (asked !== undefined && noticeMinutes > 0 && noticeMinutes * 60 < asked)
    throw noBid(
      `It gives ${formatDuration(noticeMinutes * 60)} of notice, and the order asks for ${formatDuration(asked)}.`,
    )
  return { noticeMinutes, percent: 100 }
}

/** The part of the reserved price that a lease with so much notice costs in another size. */
export function percentFor(noticeMinutes: number, { interruptible }: NoticeConfig): number {
  const isReserved = noticeMinutes === 0 || interruptible === undefined
  return isReserved || noticeMinutes > interruptible.noticeMinutes ? 100 : interruptible.percent
}

/** What is to stay free of interruptible leases, in a manifest's units. */
export function keptFree(keepFree: NonNullable<NoticeConfig['interruptible']>['keepFree']): Room {
  const { cpus = 0, memory = 0, disk = 0, gpus = 0 } = keepFree ?? {}
  return { cpuMilli: Math.round(cpus * 1000), memoryMiB: memory, diskMiB: disk, gpus }
}
