import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { type Channel, channelIdOf } from './channel.ts'
import { drawTypedData, isDrawSigned } from './draw.ts'
import { isVoucherSigned, voucherFromJson, voucherTypedData } from './voucher.ts'

const key = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const vouchers = privateKeyToAccount(`0x${'22'.repeat(32)}`).address
const channel: Channel = {
  payer: vouchers,
  payerAuthorizer: key.address,
  receiver: vouchers,
  receiverAuthorizer: vouchers,
  token: vouchers,
  withdrawDelay: 900,
  salt: `0x${'ab'.repeat(32)}`,
}
const channelId = channelIdOf(channel, 1, vouchers)

describe('a voucher', () => {
  it('is for one channel of one contract on one chain', async () => {
    const voucher = { channelId, maxClaimableAmount: 5n }
    const signature = await key.signTypedData(voucherTypedData(voucher, 1, vouchers))
    const signed = { ...voucher, signature }
    expect(await isVoucherSigned(signed, key.address, 1, vouchers)).toBe(true)
    expect(await isVoucherSigned(signed, key.address, 2, vouchers)).toBe(false)
    expect(await isVoucherSigned(signed, key.address, 1, key.address)).toBe(false)
    expect(await isVoucherSigned(signed, vouchers, 1, vouchers)).toBe(false)
    expect(await isVoucherSigned({ ...signed, maxClaimableAmount: 6n }, key.address, 1, vouchers)).toBe(false)
    expect(await isVoucherSigned({ ...signed, signature: '0x' }, key.address, 1, vouchers)).toBe(false)
  })

  it('is no draw, though both say a channel and a sum', async () => {
    const signature = await key.signTypedData(
      voucherTypedData({ channelId, maxClaimableAmount: 5n }, 1, vouchers),
    )
    expect(await isDrawSigned({ channelId, totalDrawn: 5n, signature }, key.address, 1, vouchers)).toBe(false)
    const draw = { channelId, totalDrawn: 5n }
    const drawn = await key.signTypedData(drawTypedData(draw, 1, vouchers))
    expect(await isDrawSigned({ ...draw, signature: drawn }, key.address, 1, vouchers)).toBe(true)
  })

  it('comes out of JSON whole, or not at all', () => {
    const json = { channelId, maxClaimableAmount: '7', signature: '0x12' }
    expect(voucherFromJson(json)).toEqual({ ...json, maxClaimableAmount: 7n })
    for (const wrong of [
      { maxClaimableAmount: String(2n ** 128n) },
      { maxClaimableAmount: 7 },
      { channelId: '0x12' },
      { more: 1 },
    ])
      expect(voucherFromJson({ ...json, ...wrong })).toBeUndefined()
  })

  it('is of another channel where anything about the channel differs', () => {
    const others: Partial<Channel>[] = [
      { payer: key.address },
      { payerAuthorizer: vouchers },
      { receiver: key.address },
      { receiverAuthorizer: key.address },
      { token: key.address },
      { withdrawDelay: 901 },
      { salt: `0x${'cd'.repeat(32)}` },
    ]
    const ids = others.map((other) => channelIdOf({ ...channel, ...other }, 1, vouchers))
    expect(new Set([channelId, channelIdOf(channel, 2, vouchers), ...ids]).size).toBe(others.length + 2)
  })
})
