import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Hex } from 'viem'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Store, type StoredLease } from './store.ts'

let folder: string
let path: string
let store: Store

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-store-'))
  path = join(folder, 'worker.db')
  store = new Store(path)
})
afterEach(() => {
  store.close()
  rmSync(folder, { recursive: true, force: true })
})

const idOf = (index: number): Hex => `0x${index.toString(16).padStart(64, '0')}`
const leaseOf = (index: number, megabytes = 0): StoredLease => ({
  id: idOf(index),
  tenant: `0x${'1'.repeat(40)}`,
  state: 'open',
  resources: { cpuMilli: 100, memoryMiB: 64, diskMiB: 128, gpus: 0 },
  restarts: {},
  openedAt: 1,
  ...(megabytes > 0 && {
    running: {
      hash: idOf(0),
      images: {},
      manifest: {
        version: 1,
        services: { web: { env: { BIG: 'x'.repeat(megabytes * 1_000_000) } } },
      } as never,
    },
  }),
})

describe('the agent’s store', () => {
  it('is readable by its own user alone, also where an earlier one was left open to all', () => {
    store.saveLease(leaseOf(1))
    for (const end of ['', '-wal', '-shm']) expect(statSync(path + end).mode & 0o777).toBe(0o600)
    store.close()
    writeFileSync(`${path}-journal`, '')
    for (const end of ['', '-journal']) chmodSync(path + end, 0o644)
    store = new Store(path)
    store.saveLease(leaseOf(2))
    for (const end of ['', '-wal', '-shm']) expect(statSync(path + end).mode & 0o777).toBe(0o600)
  })

  it('tells what open leases take without reading a manifest, now and after a restart', () => {
    for (let index = 1; index <= 3; index++) store.saveLease(leaseOf(index, 1))
    store.patchLease(idOf(2), (lease) => {
      lease.state = 'closed'
    })
    const parsed = countingParses(() => {
      expect(store.openLeases().map(({ id }) => id)).toEqual([idOf(1), idOf(3)])
      // A lease that was read is not parsed again, whoever asks.
      for (let times = 0; times < 100; times++) expect(store.lease(idOf(3))?.running?.hash).toBe(idOf(0))
    })
    expect(parsed).toBe(0)
    store.close()
    store = new Store(path)
    expect(store.openLeases()).toEqual(
      [1, 3].map((index) => ({ id: idOf(index), resources: leaseOf(index).resources })),
    )
  })

  it('holds so much read and no more, those asked for last, and forgets nothing', () => {
    store.close()
    store = new Store(path, 100_000)
    for (let index = 1; index <= 20; index++) store.saveLease(leaseOf(index, 0.02))
    const parsed = countingParses(() => {
      for (let times = 0; times < 50; times++)
        for (const index of [18, 19, 20]) expect(store.lease(idOf(index))?.running).toBeDefined()
    })
    expect(parsed).toBe(0)
    expect(countingParses(() => expect(store.lease(idOf(1))?.running).toBeDefined())).toBe(1)
    expect(countingParses(() => expect(store.lease(idOf(20))?.running).toBeDefined())).toBe(0)
    for (let index = 1; index <= 20; index++) expect(store.lease(idOf(index))?.id).toBe(idOf(index))
  })

  it('shares what it reads, so that only `patchLease` can change it', () => {
    store.saveLease({ ...leaseOf(1), restarts: { 'web-0': 1 } })
    const lease = store.lease(idOf(1))
    expect(() => {
      if (lease) lease.restarts['web-0'] = 7
    }).toThrow(TypeError)
    expect(
      store.patchLease(idOf(1), (patched) => {
        patched.restarts['web-0'] = 2
      }).restarts,
    ).toEqual({ 'web-0': 2 })
    expect(store.lease(idOf(1))?.restarts).toEqual({ 'web-0': 2 })
  })
})

describe('what happened to a lease', () => {
  it('is told in order from a number on, of that lease alone', () => {
    const first = store.addEvent(idOf(1), 'opened', 'one')
    store.addEvent(idOf(2), 'opened', 'another’s')
    const second = store.addEvent(idOf(1), 'closed', 'two')
    expect(store.events(idOf(1), 0)).toEqual([first, second])
    expect(store.events(idOf(1), first.id)).toEqual([second])
    expect(second.id).toBeGreaterThan(first.id)
  })

  it('is forgotten beyond the last thousand, whatever others do', () => {
    store.addEvent(idOf(2), 'opened', 'stays')
    // As they would have come one by one, each written through to the disk.
    const db = new DatabaseSync(path)
    db.exec('BEGIN')
    const add = db.prepare('INSERT INTO event (lease, time, kind, message) VALUES (?, 0, ?, ?)')
    for (let index = 0; index < 1_004; index++) add.run(idOf(1), 'restarting', String(index))
    db.exec('COMMIT')
    db.close()
    store.addEvent(idOf(1), 'restarting', '1004')
    const kept = store.events(idOf(1), 0).map(({ message }) => message)
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([1_000, '5', '1004'])
    expect(store.events(idOf(2), 0)).toHaveLength(1)
  })
})

describe('a nonce', () => {
  it('is good once, also after a restart, and forgotten when its request would be too old', () => {
    expect(store.useNonce('a', 100, 50)).toBe(true)
    store.close()
    store = new Store(path)
    expect(store.useNonce('a', 100, 60)).toBe(false)
    expect(store.useNonce('a', 300, 101)).toBe(true)
  })
})

describe('a port of the worker', () => {
  const range = { first: 30_000, last: 30_001 }

  it('stays a service’s until it is released, also over a restart', () => {
    expect(store.portFor(idOf(1), 'db', 5432, range)).toEqual({ workerPort: 30_000, isKnown: false })
    expect(store.portFor(idOf(2), 'db', 5432, range)).toEqual({ workerPort: 30_001, isKnown: false })
    store.close()
    store = new Store(path)
    expect(store.portFor(idOf(1), 'db', 5432, range)).toEqual({ workerPort: 30_000, isKnown: true })
    expect(store.portFor(idOf(3), 'db', 5432, range)).toBeUndefined()
    store.releasePorts(idOf(1))
    expect(store.portFor(idOf(3), 'db', 5432, range)).toEqual({ workerPort: 30_000, isKnown: false })
  })

  it('is another one where the machine uses it itself', () => {
    store.portFor(idOf(1), 'db', 5432, range)
    const busy = new Set([30_000])
    expect(store.portFor(idOf(1), 'db', 5432, range, busy)).toEqual({ workerPort: 30_001, isKnown: false })
    expect(store.portFor(idOf(1), 'db', 5432, range)).toEqual({ workerPort: 30_001, isKnown: true })
  })
})

describe('a setting', () => {
  it('is what was saved last', () => {
    expect(store.setting('era')).toBeUndefined()
    store.saveSetting('era', '1')
    store.saveSetting('era', '2')
    expect(store.setting('era')).toBe('2')
  })
})

/** How often `work` has JSON parsed. */
function countingParses(work: () => void): number {
  const parse = JSON.parse
  let parsed = 0
  JSON.parse = (...parameters: Parameters<typeof parse>) => {
    parsed++
    return parse(...parameters)
  }
  try {
    work()
  } finally {
    JSON.parse = parse
  }
  return parsed
}
