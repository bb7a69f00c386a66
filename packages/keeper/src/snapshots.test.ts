import { describe, expect, it, vi } from 'vitest'
import type { Channel } from './channels/channel.ts'
import { Keeper } from './keeper.ts'
import type { SnapshotRules } from './snapshots.ts'
import { StateFile } from './state.ts'
import { LEASE, statePath, statusOf } from './testing.ts'

const HOUR = 3_600_000
const START = Date.now()
const OTHER = `0x${'2f'.repeat(32)}` as const

function keeperOn(path: string, take: SnapshotRules['take'], statuses = [statusOf()]) {
  const told: string[] = []
  const channel: Channel = {
    name: 'test',
    tell: async ({ kind, state }) => void told.push(`${kind} ${state}`),
  }
  const keeper = new Keeper({
    file: new StateFile(path),
    channels: [channel],
    look: async () => statuses,
    lowSeconds: 60,
    snapshots: { everyMs: 6 * HOUR, take },
    network: { name: 'test', simulated: true },
    say: () => {},
  })
  /** A look, and what follows from it. */
  const look = async (hours: number) => {
    vi.setSystemTime(START + hours * HOUR)
    await keeper.step(Date.now())
    await keeper.once()
  }
  return { keeper, look, told }
}

describe('snapshots by a schedule', () => {
  it('are taken every so often, also by another run, and of open leases alone', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const path = statePath()
    const take = vi.fn(async () => 'one')
    const gone = statusOf({ lease: OTHER, state: 'unreachable' })
    const first = keeperOn(path, take, [statusOf(), gone])
    await first.look(0)
    await first.look(5)
    expect(take).toHaveBeenCalledTimes(1)
    const second = keeperOn(path, take, [statusOf(), gone])
    await second.look(5.5)
    expect(take).toHaveBeenCalledTimes(1)
    await second.look(6)
    expect(take).toHaveBeenCalledTimes(2)
    expect(take.mock.calls.map(([status]: unknown[]) => (status as { lease: string }).lease)).toEqual([
      LEASE,
      LEASE,
    ])
    vi.useRealTimers()
  })

  it('that fail are told of until one is there, and tried again before the next is due', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    let fails = true
    const take = vi.fn(async () => {
      if (fails) throw new Error('the disk is full')
      return 'one'
    })
    const { look, told } = keeperOn(statePath(), take)
    await look(0)
    await look(1)
    expect(take).toHaveBeenCalledTimes(1)
    fails = false
    await look(1.5)
    await look(1.6)
    expect(take).toHaveBeenCalledTimes(2)
    expect(told).toEqual(['snapshot-failed raised', 'snapshot-failed cleared'])
    vi.useRealTimers()
  })

  it('hold nothing else up, and are broken off when it ends', async () => {
    const begun = Promise.withResolvers<void>()
    const take = vi.fn(
      (_: unknown, signal: AbortSignal) =>
        new Promise<string>((_, reject) => {
          begun.resolve()
          signal.addEventListener('abort', () => reject(new Error('broken off')))
        }),
    )
    const path = statePath()
    const { keeper, told } = keeperOn(path, take)
    const ended = new AbortController()
    const run = keeper.run(10, ended.signal)
    await begun.promise
    ended.abort()
    await run
    expect(told).toEqual([])
    // The next run begins with it.
    const again = vi.fn(async () => 'one')
    await keeperOn(path, again).keeper.once()
    expect(again).toHaveBeenCalledTimes(1)
  })
})
