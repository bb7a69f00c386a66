import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { bidFromJson, bidToJson, leaseIdOf, type SignedBid } from './bid.ts'

const account = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const hash = `0x${'ab'.repeat(32)}` as const
const bid: SignedBid = {
  tenant: account.address,
  worker: account.address,
  token: account.address,
  ratePerSecond: 12n,
  minimumDeposit: 43_200n,
  expiry: 1_800_000_000,
  room: 2n ** 64n - 1n,
  noticeMinutes: 0,
  manifestHash: hash,
  order: hash,
  salt: 2n ** 255n,
  signature: '0x1234',
}

describe('bids', () => {
  it('survive JSON', () => expect(bidFromJson(JSON.parse(JSON.stringify(bidToJson(bid))))).toEqual(bid))

  it('are refused with anything missing, extra or out of range', () => {
    const json = bidToJson(bid)
    const { salt: _, ...missing } = json
    for (const wrong of [
      missing,
      { ...json, more: 1 },
      { ...json, ratePerSecond: (2n ** 80n).toString() },
      { ...json, minimumDeposit: (2n ** 96n).toString() },
      { ...json, room: (2n ** 64n).toString() },
      { ...json, salt: (2n ** 256n).toString() },
      { ...json, expiry: -1 },
      { ...json, tenant: '0x12' },
      null,
      'bid',
      [],
    ])
      expect(bidFromJson(wrong)).toBeUndefined()
  })

  it('have an id that every field and the market are part of', () => {
    const id = leaseIdOf(bid, 1, account.address)
    const others = [
      leaseIdOf({ ...bid, salt: 3n }, 1, account.address),
      leaseIdOf({ ...bid, ratePerSecond: 13n }, 1, account.address),
      leaseIdOf({ ...bid, minimumDeposit: 43_199n }, 1, account.address),
      leaseIdOf({ ...bid, room: 1n }, 1, account.address),
      leaseIdOf(bid, 2, account.address),
      leaseIdOf(bid, 1, `0x${'22'.repeat(20)}`),
    ]
    expect(new Set([id, ...others]).size).toBe(7)
  })
})
