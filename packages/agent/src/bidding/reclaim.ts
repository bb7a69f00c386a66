import { fits } from '@cloister/core'
import type { StoredLease } from '../store.ts'
import { freeRoom, type Room } from './capacity.ts'

/** What is known of an open lease here. */
export type HeldLease = Pick<StoredLease, 'id' | 'resources' | 'openedAt' | 'noticeUntil'> & {
  interruptible: boolean
}

const PARTS = ['cpuMilli', 'memoryMiB', 'diskMiB', 'gpus'] as const
/**
 * Milliseconds after which a reserved lease counts. Opening one and closing it again costs its tenant next to
 * nothing, and is not to end anybody's lease.
 */
export const SETTLED_MS = 10 * 60_000

/**
 * The interruptible leases that are to get notice so that `keep` is free again once those with notice are
 * gone: the newest first, and of them only those that give back something that is missing. `now` in Unix
 * milliseconds.
 */
export function leasesToReclaim(
  capacity: Room,
  keep: Room,
  leases: readonly HeldLease[],
  now: number,
): HeldLease[] {
  const staying = leases.filter(
    ({ noticeUntil, interruptible, openedAt }) =>
      noticeUntil === undefined && (interruptible || now - openedAt >= SETTLED_MS),
  )
  const chosen: HeldLease[] = []
  for (const lease of staying.filter((one) => one.interruptible).sort((a, b) => b.openedAt - a.openedAt)) {
    const free = freeRoom(
      capacity,
      staying.filter((one) => !chosen.includes(one)),
    )
    if (fits({ ...keep, gpuModels: [] }, free)) break
    if (PARTS.some((part) => free[part] < keep[part] && lease.resources[part] > 0)) chosen.push(lease)
  }
  return chosen
}
