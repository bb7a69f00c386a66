import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { isReceiptSigned, type Receipt, receiptFromJson, receiptToJson, receiptTypedData } from './receipt.ts'

const worker = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const workers = privateKeyToAccount(`0x${'22'.repeat(32)}`).address
const receipt: Receipt = {
  worker: worker.address,
  lease: `0x${'ab'.repeat(32)}`,
  era: 2n ** 64n - 1n,
  sequence: 7n,
  content: `0x${'cd'.repeat(32)}`,
}
const sign = async () => ({
  ...receipt,
  signature: await worker.signTypedData(receiptTypedData(receipt, 1, workers)),
})

describe('a receipt', () => {
  it('is its worker’s for one chain and one Workers contract', async () => {
    const signed = await sign()
    expect(await isReceiptSigned(signed, 1, workers)).toBe(true)
    expect(await isReceiptSigned(signed, 2, workers)).toBe(false)
    expect(await isReceiptSigned(signed, 1, worker.address)).toBe(false)
    expect(await isReceiptSigned({ ...signed, era: 0n }, 1, workers)).toBe(false)
    expect(await isReceiptSigned({ ...signed, signature: '0x' }, 1, workers)).toBe(false)
  })

  it('goes through JSON, and nothing else comes out of it', async () => {
    const signed = await sign()
    const json = receiptToJson(signed)
    expect(receiptFromJson(JSON.parse(JSON.stringify(json)))).toEqual(signed)
    for (const wrong of [{ era: String(2n ** 64n) }, { sequence: '-1' }, { era: undefined }, { more: 1 }])
      expect(receiptFromJson({ ...json, ...wrong })).toBeUndefined()
  })
})
