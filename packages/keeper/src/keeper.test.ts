import { readFileSync, writeFileSync } from 'node:fs'
import type { LeaseStatus } from '@cloister/sdk'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Channel } from './channels/channel.ts'
import { Keeper, type KeeperParts } from './keeper.ts'
import type { Notice } from './notice.ts'
import { StateFile } from './state.ts'
import { LEASE, serviceOf, statePath, statusOf, TENANT } from './testing.ts'

const START = Date.UTC(2026, 10, 26)
const SECOND = 1000

let told: Notice[]
let said: string[]
let refuses: boolean
const channel: Channel = {
  name: 'test',
  tell: async (notice) => {
    if (refuses) throw new Error('not now')
    told.push(notice)
  },
}
const words = () => told.map(({ kind, state }) => `${kind} ${state}`)

beforeEach(() => {
  told = []
  said = []
  refuses = false
})

function keeperOn(path: string, statuses: () => LeaseStatus[], more: Partial<KeeperParts> = {}): Keeper {
  return new Keeper({
    file: new StateFile(path),
    channels: [channel],
    look: async () => statuses(),
    lowSeconds: 3600,
    network: { name: 'test', simulated: true },
    say: (kind, message) => void said.push(`${kind}: ${message}`),
    ...more,
  })
}

describe('a keeper', () => {
  it('tells a condition once when it comes, and once when it goes', async () => {
    let status = statusOf({ secondsLeft: 60 })
    const keeper = keeperOn(statePath(), () => [status])
    await keeper.step(START)
    await keeper.step(START + SECOND)
    expect(words()).toEqual(['money-low raised'])
    expect(told[0]).toMatchObject({
      lease: LEASE,
      name: 'my-app',
      network: 'test',
      simulated: true,
      message: 'The money lasts 1m more.',
    })
    status = statusOf()
    await keeper.step(START + 2 * SECOND)
    await keeper.step(START + 3 * SECOND)
    expect(words()).toEqual(['money-low raised', 'money-low cleared'])
  })

  it('says nothing of a worker that is away for a moment', async () => {
    let status = statusOf({ state: 'unreachable' })
    const keeper = keeperOn(statePath(), () => [status])
    await keeper.step(START)
    await keeper.step(START + 60 * SECOND)
    status = statusOf()
    await keeper.step(START + 80 * SECOND)
    expect(words()).toEqual([])
    status = statusOf({ state: 'unreachable' })
    await keeper.step(START + 100 * SECOND)
    await keeper.step(START + 190 * SECOND)
    expect(words()).toEqual(['unreachable raised'])
  })

  it('tells of a container that keeps ending, from one look to the next', async () => {
    let restarts = 0
    const keeper = keeperOn(statePath(), () => [statusOf({ services: [serviceOf({ restarts })] })])
    await keeper.step(START)
    restarts = 3
    await keeper.step(START + 30 * SECOND)
    expect(words()).toEqual(['restarting raised'])
  })

  it('tells that a lease is closed, and forgets it', async () => {
    let status = statusOf({ secondsLeft: 60 })
    const looked: string[][] = []
    const path = statePath()
    const keeper = keeperOn(path, () => [status], {
      look: async (known) => {
        looked.push([...known])
        return [status]
      },
    })
    await keeper.step(START)
    status = statusOf({ state: 'closed' })
    await keeper.step(START + SECOND)
    await keeper.step(START + 2 * SECOND)
    expect(words()).toEqual(['money-low raised', 'closed raised'])
    expect(looked).toEqual([[], [LEASE], []])
  })

  it('tells what nobody took again, with the same id, also after it was started anew', async () => {
    refuses = true
    const path = statePath()
    await keeperOn(path, () => [statusOf({ secondsLeft: 60 })]).step(START)
    expect(said).toContain('not-told: test takes no notices just now: not now')
    const { id } = new StateFile(path).state.waiting[0]?.notice ?? {}
    refuses = false
    const again = keeperOn(path, () => [statusOf({ secondsLeft: 50 })])
    // Not at once.
    await again.step(START + SECOND)
    expect(told).toEqual([])
    await again.step(START + 10 * SECOND)
    expect(told.map((notice) => notice.id)).toEqual([id])
    await again.step(START + 20 * SECOND)
    expect(told).toHaveLength(1)
  })

  it('goes on after a look that failed', async () => {
    let isDown = true
    const keeper = keeperOn(statePath(), () => {
      if (isDown) throw new Error('the index is away')
      return [statusOf({ secondsLeft: 60 })]
    })
    await keeper.step(START)
    isDown = false
    await keeper.step(START + SECOND)
    expect(said[0]).toBe('not-looked: The leases could not be looked at: the index is away')
    expect(words()).toEqual(['money-low raised'])
  })

  it('pays before the money runs out, and writes down that it will', async () => {
    const path = statePath()
    const paid: bigint[] = []
    const rules = { tenant: TENANT, belowSeconds: 3600, toSeconds: 7200, mostPerDay: () => 10n ** 9n }
    let status = statusOf({ secondsLeft: 600 })
    const pay = async (_: string, amount: bigint) => {
      expect(new StateFile(path).state.payments).toMatchObject([{ amount: amount.toString(), done: false }])
      paid.push(amount)
    }
    const keeper = keeperOn(path, () => [status], { topUp: { ...rules, pay } })
    await keeper.step(START)
    expect(paid).toEqual([66_000n])
    status = statusOf({ secondsLeft: 7200, deposit: 1_066_000n })
    await keeper.step(START + SECOND)
    expect(paid).toHaveLength(1)
    expect(said).toContain('topped-up: Paid for 1h 50m more.')
  })

  it('pays nothing twice that not all of the chain has seen yet', async () => {
    const path = statePath()
    const paid: bigint[] = []
    const pay = async (_: string, amount: bigint) => void paid.push(amount)
    const rules = { tenant: TENANT, belowSeconds: 3600, toSeconds: 7200, mostPerDay: () => 10n ** 9n, pay }
    const keeper = keeperOn(path, () => [statusOf({ secondsLeft: 600 })], { topUp: rules })
    await keeper.step(START)
    await keeper.step(START + 30 * SECOND)
    expect(paid).toHaveLength(1)
  })

  it('pays into no lease of somebody else, whatever an index lists', async () => {
    const pay = () => Promise.reject(new Error('paid'))
    const rules = { tenant: TENANT, belowSeconds: 3600, toSeconds: 7200, mostPerDay: () => 10n ** 9n, pay }
    const foreign = statusOf({ secondsLeft: 600, tenant: `0x${'66'.repeat(20)}` })
    const path = statePath()
    await keeperOn(path, () => [foreign], { topUp: rules }).step(START)
    expect(new StateFile(path).state.payments).toEqual([])
  })

  it('looks again while a channel takes its time, and gives it up', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    onTestFinished(() => void vi.useRealTimers())
    let ended = 0
    let tried = 0
    const slow: Channel = {
      name: 'slow',
      tell: (_, signal) =>
        new Promise(() => {
          tried++
          signal?.addEventListener('abort', () => ended++)
        }),
    }
    const drips: Channel = {
      name: 'drips',
      tell: async () => {
        await new Promise((done) => setTimeout(done, 14_000))
        told.push({} as Notice)
      },
    }
    const services = [serviceOf({ state: 'failed', reason: 'x'.repeat(100_000) })]
    const ids = Array.from({ length: 20 }, (_, index) => `0x${String(index).padStart(64, '0')}` as const)
    const path = statePath()
    const keeper = keeperOn(path, () => ids.map((lease) => statusOf({ lease, services })), {
      channels: [slow, drips],
    })
    const step = keeper.step(START)
    for (let seconds = 0; seconds < 60; seconds += 5) await vi.advanceTimersByTimeAsync(5_000)
    await step
    expect([tried, ended]).toEqual([1, 1])
    expect(told.length).toBeLessThan(4)
    expect(readFileSync(path).length).toBeLessThan(200_000)
  })

  it('never pays twice for a process that died while it paid', async () => {
    const path = statePath()
    const rules = { tenant: TENANT, belowSeconds: 3600, toSeconds: 7200, mostPerDay: () => 10n ** 9n }
    const dies = { ...rules, pay: () => Promise.reject(new Error('killed')) }
    await keeperOn(path, () => [statusOf({ secondsLeft: 600 })], { topUp: dies }).step(START)
    const paid: bigint[] = []
    const pay = async (_: string, amount: bigint) => void paid.push(amount)
    // The index hasn't heard of it yet.
    await keeperOn(path, () => [statusOf({ secondsLeft: 590 })], { topUp: { ...rules, pay } }).step(
      START + 10 * SECOND,
    )
    expect(paid).toEqual([])
    // It was on the chain after all.
    const arrived = statusOf({ secondsLeft: 7000, deposit: 1_066_000n })
    await keeperOn(path, () => [arrived], { topUp: { ...rules, pay } }).step(START + 20 * SECOND)
    expect(paid).toEqual([])
    expect(new StateFile(path).state.payments).toMatchObject([{ done: true }])
  })
})

describe('a keeper’s memory', () => {
  it('is read by nobody else', async () => {
    const path = statePath()
    await keeperOn(path, () => [statusOf()]).step(START)
    expect(JSON.parse(readFileSync(path, 'utf8')).leases).toHaveProperty([LEASE])
  })

  it('that is none is refused, and not written over', () => {
    const path = statePath()
    writeFileSync(path, '{"version":1')
    expect(() => new StateFile(path)).toThrow(/is not what a keeper wrote/)
    expect(readFileSync(path, 'utf8')).toBe('{"version":1')
  })
})
