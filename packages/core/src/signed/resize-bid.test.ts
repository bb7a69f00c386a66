import { hashTypedData } from 'viem'
import { describe, expect, it } from 'vitest'
import { resizeBidFromJson, resizeBidToJson, resizeBidTypedData, type SignedResizeBid } from './resize-bid.ts'

const market = `0x${'22'.repeat(20)}` as const
const hash = `0x${'ab'.repeat(32)}` as const
const bid: SignedResizeBid = {
  lease: hash,
  number: 2n ** 64n - 1n,
  ratePerSecond: 12n,
  minimumBalance: 43_200n,
  expiry: 1_800_000_000,
  room: 2n ** 64n - 1n,
  manifestHash: hash,
  order: hash,
  signature: '0x1234',
}

describe('bids for a lease that is there', () => {
  it('survive JSON', () =>
    expect(resizeBidFromJson(JSON.parse(JSON.stringify(resizeBidToJson(bid))))).toEqual(bid))

  it('are refused with anything missing, extra or out of range', () => {
    const json = resizeBidToJson(bid)
    const { number: _, ...missing } = json
    for (const wrong of [
      missing,
      { ...json, more: 1 },
      { ...json, number: (2n ** 64n).toString() },
      { ...json, ratePerSecond: (2n ** 80n).toString() },
      { ...json, ratePerSecond: '-1' },
      { ...json, minimumBalance: (2n ** 96n).toString() },
      { ...json, room: (2n ** 64n).toString() },
      { ...json, expiry: -1 },
      { ...json, lease: '0x12' },
      null,
      [],
    ])
      expect(resizeBidFromJson(wrong)).toBeUndefined()
  })

  it('are signed over every field, the chain and the market', () => {
    const digest = (changes: Partial<SignedResizeBid>, chainId = 1, at: `0x${string}` = market) =>
      hashTypedData(resizeBidTypedData({ ...bid, ...changes }, chainId, at))
    const other = `0x${'cd'.repeat(32)}` as const
    const all = [
      digest({}),
      digest({ lease: other }),
      digest({ number: 1n }),
      digest({ ratePerSecond: 13n }),
      digest({ minimumBalance: 1n }),
      digest({ expiry: 1 }),
      digest({ room: 1n }),
      digest({ manifestHash: other }),
      digest({ order: other }),
      digest({}, 2),
      digest({}, 1, `0x${'33'.repeat(20)}`),
    ]
    expect(new Set(all).size).toBe(all.length)
  })
})
