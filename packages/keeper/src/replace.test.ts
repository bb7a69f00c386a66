import type { LeaseStatus } from '@cloister/sdk'
import type { Hex } from 'viem'
import { beforeEach, describe, expect, it } from 'vitest'
import { Keeper } from './keeper.ts'
import type { ReplaceRules } from './replace.ts'
import { StateFile } from './state.ts'
import { LEASE, statePath, statusOf, TOKEN } from './testing.ts'

const START = Date.UTC(2026, 10, 26)
const MINUTE = 60_000
const idOf = (number: number): Hex => `0x${number.toString(16).padStart(64, '0')}`

/** Ends a process where it stands, as far as it can be told from outside. */
class Killed extends Error {}

/** A chain that knows which leases were opened, and a process that may be killed at any of its calls. */
class FakeChain {
  opened = 0
  closed: string[] = []
  states = new Map<string, 'open' | 'closed' | 'refused'>([[LEASE, 'open']])
  seconds = START / 1000
  givenUp = false
  /** The call after which the process is killed; counted down. */
  killAfter = Number.POSITIVE_INFINITY
  startFails = false

  private call(): void {
    if (this.killAfter-- <= 0) throw new Killed('killed')
  }

  /** Nothing that was begun goes on after the process is gone. */
  private gone(): Promise<never> {
    return new Promise(() => {})
  }

  rules(mostPerDay = 10n ** 9n): ReplaceRules {
    const step = async () => {
      try {
        this.call()
      } catch {
        await this.gone()
      }
    }
    return {
      lostMs: 5 * MINUTE,
      mostPerDay: () => mostPerDay,
      isGivenUp: async ({ lost }) => {
        await step()
        const others = [...this.states].some(([lease, state]) => lease !== lost && state === 'open')
        return this.givenUp || others || this.closed.includes(lost)
      },
      open: async (_, planned) => {
        await step()
        const lease = idOf(++this.bids)
        planned({ lease, token: TOKEN, deposit: 1_000n, expiry: this.seconds + 60 })
        await step()
        this.opened++
        this.states.set(lease, 'open')
        await step()
        if (!this.startFails) return
        this.states.set(lease, 'closed')
        throw new Error('It does not start.')
      },
      resume: step,
      stateOf: async (lease) => {
        await step()
        return { state: this.states.get(lease) ?? 'none', now: this.seconds }
      },
      close: async (lease) => {
        await step()
        this.closed.push(lease)
        this.states.set(lease, 'closed')
        await step()
      },
    }
  }
  private bids = 0
}

let chain: FakeChain
let path: string
let said: string[]
beforeEach(() => {
  chain = new FakeChain()
  path = statePath()
  said = []
})

const lost = (changes: Partial<LeaseStatus> = {}) =>
  statusOf({ name: 'my-app/2', replica: 2, state: 'unreachable', ...changes })
function keeperOn(statuses: () => LeaseStatus[], rules = chain.rules()): Keeper {
  return new Keeper({
    file: new StateFile(path),
    channels: [],
    look: async () => statuses(),
    lowSeconds: 3600,
    replace: rules,
    network: { name: 'test', simulated: true },
    say: (kind, message) => void said.push(`${kind}: ${message}`),
  })
}
const turns = () => new Promise((done) => setImmediate(() => setImmediate(done)))
const openNow = () => [...chain.states].filter(([, state]) => state === 'open').map(([lease]) => lease)

describe('a keeper of a group', () => {
  it('opens a replica elsewhere whose worker is away for long, and closes the lost one', async () => {
    const keeper = keeperOn(() => [lost()])
    await keeper.step(START)
    await keeper.step(START + 4 * MINUTE)
    expect(chain.opened).toBe(0)
    await keeper.step(START + 5 * MINUTE)
    await keeper.settled()
    expect([chain.opened, chain.closed, openNow()]).toEqual([1, [LEASE], [idOf(1)]])
    expect(said.filter((line) => line.startsWith('replaced'))).toHaveLength(1)
    expect(new StateFile(path).state.replacements).toEqual([])
  })

  it('does nothing about one that comes back in time', async () => {
    let status = lost()
    const keeper = keeperOn(() => [status])
    await keeper.step(START)
    status = lost({ state: 'running' })
    await keeper.step(START + 5 * MINUTE)
    status = lost()
    await keeper.step(START + 6 * MINUTE)
    await keeper.step(START + 10 * MINUTE)
    expect(chain.opened).toBe(0)
  })

  it('replaces one at once whose provider gave notice, or that was closed by another than its tenant', async () => {
    const keeper = keeperOn(() => [lost({ state: 'running', noticeUntil: 1 })])
    await keeper.step(START)
    await keeper.settled()
    expect(chain.opened).toBe(1)

    chain = new FakeChain()
    path = statePath()
    let status = lost({ state: 'running' })
    const other = keeperOn(() => [status], chain.rules())
    await other.step(START)
    chain.states.set(LEASE, 'closed')
    status = lost({ state: 'closed' })
    await other.step(START + MINUTE)
    await other.settled()
    expect([chain.opened, chain.closed]).toEqual([1, []])
  })

  it('leaves what its tenant gave up, and leases that stand alone', async () => {
    chain.givenUp = true
    const keeper = keeperOn(() => [lost(), statusOf({ lease: idOf(99), state: 'unreachable' })])
    await keeper.step(START)
    await keeper.step(START + 10 * MINUTE)
    await keeper.settled()
    expect([chain.opened, new StateFile(path).state.replacements]).toEqual([0, []])
  })

  it('spends no more in a day than it may, whatever became of it', async () => {
    chain.startFails = true
    const keeper = keeperOn(() => [lost({ noticeUntil: 1 })], chain.rules(2_500n))
    for (let minutes = 0; minutes < 60; minutes += 6) {
      await keeper.step(START + minutes * MINUTE)
      await keeper.settled()
    }
    expect(chain.opened).toBe(2)
    expect(said).toContain(
      'not-replaced: The limit of the day is used up; a lost replica waits for tomorrow.',
    )
  })

  it('opens one for one loss, wherever it is killed', async () => {
    for (let at = 0; at < 12; at++) {
      chain = new FakeChain()
      path = statePath()
      chain.killAfter = at
      const first = keeperOn(() => [lost({ noticeUntil: 1 })])
      await first.step(START)
      await turns()
      chain.killAfter = Number.POSITIVE_INFINITY
      // While the transaction of the first may still come, none other is sent.
      const second = keeperOn(() => [lost({ noticeUntil: 1 })])
      await second.step(START + MINUTE)
      await second.settled()
      expect(openNow().length, `killed at ${at}`).toBeLessThanOrEqual(2)
      chain.seconds += 120
      for (const later of [7, 13]) {
        const third = keeperOn(() => (chain.states.get(LEASE) === 'open' ? [lost({ noticeUntil: 1 })] : []))
        await third.step(START + later * MINUTE)
        await third.settled()
      }
      expect([chain.opened, openNow().length, chain.states.get(LEASE)], `killed at ${at}`).toEqual([
        1,
        1,
        'closed',
      ])
    }
  })
})
