import {
  type ChainEventRecord,
  CloisterError,
  type EventReport,
  type LeaseRecord,
  pause,
} from '@cloister/core'
import type { Hex } from 'viem'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { type EventSources, readAll, type TenantEvent } from './all-events.ts'
import { readCursor } from './event-cursor.ts'

const idOf = (digit: string): Hex => `0x${digit.repeat(64)}`
const [A, B, C] = ['a', 'b', 'c'].map(idOf) as [Hex, Hex, Hex]

let open: Hex[]
let said: Map<Hex, EventReport[]>
let onChain: Map<Hex, ChainEventRecord[]>
let away: Set<Hex>
let changed: () => void

beforeEach(() => {
  open = [A, B]
  said = new Map()
  onChain = new Map()
  away = new Set()
  changed = () => {}
})

function say(lease: Hex, id: number, time: number, kind = 'running'): void {
  said.set(lease, [...(said.get(lease) ?? []), { lease, id, time, kind, message: `${kind} ${id}` }])
}

function mine(lease: Hex, block: number, seconds: number, name = 'LeaseOpened'): void {
  const event = { block, logIndex: 0, time: seconds, transaction: A, name, args: { lease, amount: '5' } }
  onChain.set(lease, [event, ...(onChain.get(lease) ?? [])])
}

const sources: EventSources = {
  leases: async () =>
    open.map((lease) => ({ lease, wishedName: lease.slice(2, 4) }) as unknown as LeaseRecord),
  async *ofWorker(record, after, follow, signal) {
    for (let last = after; ; ) {
      if (away.has(record.lease)) throw new CloisterError('unreachable', 'It does not answer.')
      for (const event of said.get(record.lease) ?? [])
        if (event.id > last) {
          last = event.id
          yield event
        }
      if (!follow || signal.aborted) return
      await pause(10, signal)
    }
  },
  // A page holds one.
  ofChain: async (lease, cursor) => {
    const all = onChain.get(lease) ?? []
    const at = Number(cursor ?? 0)
    return { items: all.slice(at, at + 1), next: at + 1 < all.length ? String(at + 1) : undefined }
  },
  async *changes(signal) {
    while (!signal.aborted) {
      await new Promise<void>((resolve) => {
        changed = resolve
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
      if (!signal.aborted) yield { block: 1, reorganised: false, leases: [A], workers: [] }
    }
  },
}

async function read(cursor?: string): Promise<TenantEvent[]> {
  const all: TenantEvent[] = []
  for await (const event of readAll(sources, { cursor, signal: AbortSignal.timeout(10_000) })) all.push(event)
  return all
}
const kinds = (events: TenantEvent[]) => events.map(({ name, kind }) => `${name} ${kind}`)

describe('events of all leases', () => {
  it('come in the order of time, from chain and workers alike', async () => {
    mine(A, 1, 1)
    mine(A, 4, 4, 'LeaseSettled')
    mine(B, 3, 3)
    say(A, 1, 2_000)
    say(B, 1, 5_000)
    expect(kinds(await read())).toEqual([
      'aa LeaseOpened',
      'aa running',
      'bb LeaseOpened',
      'aa LeaseSettled',
      'bb running',
    ])
  })

  it('go on after any of them, and tell none twice', async () => {
    mine(A, 1, 1)
    say(A, 1, 2_000)
    mine(B, 3, 3)
    say(B, 1, 4_000)
    const all = await read()
    for (const [index, { cursor }] of all.entries())
      expect(kinds(await read(cursor))).toEqual(kinds(all.slice(index + 1)))
    say(A, 2, 6_000, 'failed')
    expect(kinds(await read(all.at(-1)?.cursor))).toEqual(['aa failed'])
  })

  it('name a worker that is away, and are those of the others all the same', async () => {
    say(A, 1, 1_000)
    away.add(B)
    const all = await read()
    expect(kinds(all)).toEqual(['aa running', 'bb worker-away'])
    away.delete(B)
    say(B, 1, 500)
    expect(kinds(await read(all.at(-1)?.cursor))).toEqual(['bb running'])
  })

  it('are followed through a worker’s absence, with leases that are opened meanwhile', async () => {
    say(A, 1, 1_000)
    away.add(B)
    const aborter = new AbortController()
    const all: TenantEvent[] = []
    const reading = (async () => {
      for await (const event of readAll(sources, { follow: true, signal: aborter.signal })) all.push(event)
    })()
    await vi.waitFor(() => expect(kinds(all)).toContain('bb worker-away'), 5_000)
    away.delete(B)
    say(B, 1, 2_000, 'restarting')
    open.push(C)
    mine(C, 9, 9)
    say(C, 1, 9_500)
    changed()
    await vi.waitFor(
      () =>
        expect(kinds(all)).toEqual(expect.arrayContaining(['bb restarting', 'cc LeaseOpened', 'cc running'])),
      15_000,
    )
    aborter.abort()
    await reading
    expect(new Set(all.map(({ kind, lease }) => kind + lease)).size).toBe(
      all.filter(({ kind }) => kind !== 'worker-away').length + 1,
    )
  })
})

it.each(['', 'x', btoa('[]'), btoa('[[1],{}]'), btoa('[[1,2],{"web":1}]'), btoa('[[1,2],null]')])(
  '%j is no cursor',
  (cursor) => expect(() => readCursor(cursor)).toThrow(expect.objectContaining({ code: 'bad-option' })),
)
