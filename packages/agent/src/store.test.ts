import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Hex, toHex, zeroAddress } from 'viem'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type IssuedBid, Store } from './store.ts'

describe('bids that a worker is held to', () => {
  const HOUR = 3_600
  const bid = (number: number, expiry: number): IssuedBid => ({
    id: toHex(number, { size: 32 }) as Hex,
    token: zeroAddress,
    resources: { cpuMilli: 1, memoryMiB: 1, diskMiB: 1, gpus: 0, gpuModels: [] },
    expiry,
  })
  let folder: string
  let store: Store

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cloister-store-'))
    store = new Store(join(folder, 'store.db'))
  })
  afterEach(() => {
    store.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('are outstanding as long as they can be taken', () => {
    store.saveBid(bid(1, 1_000), 900)
    store.saveBid(bid(2, 1_100), 950)
    expect([999, 1_000, 1_001, 1_101].map((now) => store.bidCount(now))).toEqual([2, 2, 1, 0])
  })

  it('are known until the chain has been looked at well after they expired, however long the worker was away', () => {
    store.saveBid(bid(1, 1_000), 900)
    store.close()
    store = new Store(join(folder, 'store.db'))
    // A day later, and before what happened meanwhile is read.
    store.saveBid(bid(2, 90_000), 89_900)
    expect(store.bid(bid(1, 0).id)).toBeDefined()
    store.lookedAt = 1_000 + HOUR
    store.saveBid(bid(3, 90_000), 89_900)
    expect(store.bid(bid(1, 0).id)).toBeDefined()
    store.lookedAt = 1_001 + HOUR
    store.saveBid(bid(4, 90_000), 89_900)
    expect(store.bid(bid(1, 0).id)).toBeUndefined()
  })
})
