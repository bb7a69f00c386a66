import { describe, expect, it } from 'vitest'
import { type HeldLease, leasesToReclaim, SETTLED_MS } from './reclaim.ts'

const CAPACITY = { cpuMilli: 8_000, memoryMiB: 8_192, diskMiB: 10_000, gpus: 4 }
const KEEP = { cpuMilli: 2_000, memoryMiB: 1_024, diskMiB: 0, gpus: 1 }
const NOW = 1_800_000_000_000

let last = 0
/** A lease of so many CPUs and GPUs that was opened so many minutes ago. */
function lease(minutes: number, cpus: number, gpus: number, more: Partial<HeldLease> = {}): HeldLease {
  const resources = { cpuMilli: cpus * 1000, memoryMiB: 512, diskMiB: 100, gpus }
  const id = `0x${(++last).toString(16).padStart(64, '0')}` as const
  return { id, resources, openedAt: NOW - minutes * 60_000, interruptible: true, ...more }
}
const reserved = { interruptible: false }
const chosen = (leases: HeldLease[]) => leasesToReclaim(CAPACITY, KEEP, leases, NOW).map(({ id }) => id)

describe('interruptible leases get notice', () => {
  it('where reserved ones took of what is kept free, the newest first and no more than it takes', () => {
    const [old, newer, newest] = [lease(300, 2, 0), lease(200, 2, 0), lease(100, 1, 0)]
    const all = [old, newer, newest, lease(60, 2, 0, reserved)]
    // One CPU is free, and two are kept.
    expect(chosen(all)).toEqual([newest.id])
    expect(chosen([...all, lease(60, 1, 0, reserved)])).toEqual([newest.id, newer.id])
    // Those with notice are as good as gone.
    expect(chosen(all.map((one) => (one === old ? { ...one, noticeUntil: 1 } : one)))).toEqual([])
  })

  it('not while what is kept is free, and not for what they don’t have', () => {
    expect(chosen([])).toEqual([])
    expect(chosen([lease(5, 6, 3)])).toEqual([])
    const [withGpu, without] = [lease(300, 0, 1), lease(1, 1, 0)]
    const all = [withGpu, without, lease(60, 1, 3, reserved)]
    expect(chosen(all)).toEqual([withGpu.id])
    expect(chosen([without, lease(60, 1, 4, reserved)])).toEqual([])
  })

  it('not for a lease that was opened a moment ago, and may be closed again at no cost', () => {
    const young = lease(SETTLED_MS / 60_000 - 1, 8, 0, reserved)
    expect(chosen([lease(300, 1, 0), young])).toEqual([])
    expect(chosen([lease(300, 1, 0), { ...young, openedAt: NOW - SETTLED_MS }])).toHaveLength(1)
  })

  it('never, where they are reserved', () => {
    expect(chosen([lease(60, 4, 2, reserved), lease(60, 4, 2, reserved)])).toEqual([])
  })
})
