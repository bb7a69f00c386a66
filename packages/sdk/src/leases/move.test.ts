import { getLease, openLease, signBid } from '@cloister/chain'
import { hashManifest, hashOrder, type LeaseReport, type Order } from '@cloister/core'
import type { Address, Hex } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Cloister } from '../cloister.ts'
import { type MoveRecord, move } from './move.ts'
import { cloisterOn, manifestOf, recordOf, type Stage, sessionWith, startStage } from './testing.ts'

/** Where the old lease is, as far as the index says. */
const OLD: Address = '0x90F79bf6EB2c4f870365E785982E1f101E93b906'
const MANIFEST = manifestOf()

let stage: Stage
let salt = 1_000n

beforeAll(async () => {
  stage = await startStage()
}, 60_000)
afterAll(() => stage?.stop())

/** What a process does before it dies: it does nothing after that, until another one takes its place. */
let left: number
const step = () => {
  if (left <= 0) throw new Error('it died')
  left--
}

/** A worker as moves see it, with one lease and no volume. Each thing that it is asked may be the last. */
class FakeWorker {
  held: { seconds?: number | undefined } | undefined
  hasManifest: boolean
  starts = true
  asked: string[] = []
  readonly connection = {
    urlOf: (path: string) => path,
    send: async () => Response.json({ volumes: [] }),
  }
  readonly worker = OLD

  constructor(hasManifest: boolean) {
    this.hasManifest = hasManifest
  }

  get isRunning(): boolean {
    return this.hasManifest && this.held === undefined
  }

  async sign() {
    return { authorization: '' }
  }

  async hold(_: Hex, { held, seconds }: { held: boolean; seconds?: number }) {
    step()
    this.held = held ? { seconds } : undefined
    this.asked.push(held ? (seconds ? 'hold a while' : 'hold') : 'let go')
    step()
  }

  async putManifest() {
    step()
    this.hasManifest = true
    step()
  }

  async lease(lease: Hex): Promise<LeaseReport> {
    step()
    const state = this.held ? 'stopped' : !this.hasManifest ? 'waiting' : this.starts ? 'running' : 'failed'
    const failed = { manifestHash: hashManifest(MANIFEST), reason: 'web does not start.' }
    const base = { lease, services: [], routes: [], domains: [], prepared: true }
    return { ...base, state, ...(state === 'failed' && { failed }) }
  }

  async *events() {}
  async *logs() {}
}

interface Scene {
  cloister: Cloister
  from: Hex
  source: FakeWorker
  target: FakeWorker
  written: MoveRecord[]
  journal: Parameters<typeof move>[2]['journal']
}

async function scene(): Promise<Scene> {
  const source = new FakeWorker(true)
  const target = new FakeWorker(false)
  const { bid } = await stage.bid(MANIFEST)
  const from = (await openLease(stage.tenant, bid, 10_000n)).id
  const record = recordOf(stage, from, { worker: OLD })
  const there = {
    worker: stage.worker.address,
    provider: stage.provider.account.address,
    // A session of its own for each scene.
    endpoint: `http://127.0.0.1:1/${from}`,
    tlsKeyHash: undefined,
    cpuMilli: 2_000,
    memoryMiB: 1_024,
    diskMiB: 1_024,
    gpus: 0,
    gpuClass: '',
    uptime: 1,
  }
  const index = {
    lease: async () => record,
    leases: async () => ({ items: [record] }),
    workers: async () => [there],
    worker: async () => there,
  }
  const cloister = cloisterOn(stage, index)
  sessionWith(cloister, record, source as never)
  const session = sessionWith(cloister, there as never, target as never)
  const stranger = {
    report: async () => ({ name: 'there' }),
    bid: async (order: Order) =>
      signBid(stage.chain.network, stage.worker, {
        tenant: order.tenant,
        worker: stage.worker.address,
        token: order.token,
        ratePerSecond: 10n,
        minimumDeposit: 0n,
        expiry: Number((await stage.tenant.client.getBlock()).timestamp) + 600,
        room: 0n,
        noticeMinutes: 0,
        manifestHash: order.manifestHash,
        order: hashOrder(order),
        salt: ++salt,
      }),
  }
  Object.defineProperty(session, 'stranger', { value: stranger })
  const written: MoveRecord[] = []
  const kept = new Map<Hex, MoveRecord>()
  const journal = {
    read: (lease: Hex) => kept.get(lease),
    write: (one: MoveRecord) => {
      step()
      kept.set(one.from, one)
      written.push(one)
      step()
    },
    remove: (lease: Hex) => {
      step()
      kept.delete(lease)
    },
  }
  return { cloister, from, source, target, written, journal }
}

const run = ({ cloister, from, journal }: Scene) =>
  move(cloister, from, { manifest: MANIFEST, pay: 'USDC', deposit: 10_000n, journal })
const stateOf = async (lease: Hex) => (await getLease(stage.tenant, lease)).state

beforeEach(() => {
  left = Number.POSITIVE_INFINITY
})

describe('a move', () => {
  it('closes the old lease once the new one runs, and says how long nothing did', async () => {
    const one = await scene()
    const moved = await run(one)
    expect(moved).toMatchObject({ from: one.from, worker: stage.worker.address, volumes: [], sentBytes: 0 })
    expect(moved.downtimeMs).toBeGreaterThanOrEqual(0)
    expect(one.written.map((each) => each.step)).toEqual(['opening', 'copying', 'starting', 'closing'])
    expect(one.source.asked).toEqual(['hold a while', 'hold'])
    expect(one.target.asked).toEqual(['hold', 'let go'])
    expect([await stateOf(one.from), await stateOf(moved.to)]).toEqual(['closed', 'open'])
    expect(one.journal.read(one.from)).toBeUndefined()
  })

  it('goes back where the new one does not start: the old one runs, and the new lease is closed', async () => {
    const one = await scene()
    one.target.starts = false
    await expect(run(one)).rejects.toThrow(/does not start/)
    expect(one.source.isRunning).toBe(true)
    expect(await stateOf(one.from)).toBe('open')
    expect(await stateOf(one.written[0]?.to as Hex)).toBe('closed')
    expect(one.journal.read(one.from)).toBeUndefined()
  })

  it('goes on wherever it dies, and never leaves two running', async () => {
    let deaths = 0
    for (; ; deaths++) {
      const one = await scene()
      left = deaths
      const died = await run(one).then(
        () => false,
        () => true,
      )
      expect(one.source.isRunning && one.target.isRunning).toBe(false)
      if (!died) break
      const { step: at } = one.journal.read(one.from) ?? {}
      const comesBack = one.source.isRunning || one.source.held?.seconds !== undefined
      // Between the last word to the old worker and the first to the new one is the next request of this
      // process.
      expect(comesBack || one.target.isRunning || at === 'starting' || at === 'copying').toBe(true)
      left = Number.POSITIVE_INFINITY
      await run(one)
      expect(one.target.isRunning).toBe(true)
      expect(await stateOf(one.from)).toBe('closed')
      // At most one lease was opened for it.
      expect(new Set(one.written.map(({ to }) => to)).size).toBeLessThanOrEqual(2)
      expect(deaths).toBeLessThan(60)
    }
    expect(deaths).toBeGreaterThan(12)
  }, 120_000)

  it('is not to the worker that the lease is on', async () => {
    const one = await scene()
    one.cloister.index.lease = async () => recordOf(stage, one.from)
    await expect(run(one)).rejects.toThrow(/on that worker already|forbidden|belongs/)
  })
})
