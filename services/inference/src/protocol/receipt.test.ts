import { type ChargeJson, receiptToJson, receiptTypedData } from '@cloister/core'
import fc from 'fast-check'
import { type Hex, hashTypedData, keccak256, toHex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { NONE } from './constants.ts'
import { checkReceipt, InferenceReceipt, receiptContent, receiptDigest } from './receipt.ts'
import { isIncluded, receiptTree } from './receipt-tree.ts'

const LEASE: Hex = `0x${'ab'.repeat(32)}`
const OTHER: Hex = `0x${'cd'.repeat(32)}`
const worker = privateKeyToAccount(generatePrivateKey())
const workers = privateKeyToAccount(generatePrivateKey()).address
const chainId = 31_337
const prices = { input: 2_000_000n, cached: 1_000_000n, output: 4_000_000n }
const ground = { chainId, workers, prices }

const details = {
  version: 1 as const,
  id: `rcpt_${'ab'.repeat(4)}${'01'.repeat(12)}`,
  lease: LEASE,
  manifestHash: OTHER,
  model: 'tiny',
  weights: `sha256:${'0'.repeat(64)}`,
  endpoint: '/v1/chat/completions',
  request: OTHER,
  requestSealed: null,
  response: OTHER,
  responseSealed: null,
  status: 200,
  outcome: 'complete' as const,
  evidence: OTHER,
  receivedAt: 1,
  firstByteAt: 2,
  endedAt: 3,
}
const charge: ChargeJson = {
  offer: OTHER,
  channel: OTHER,
  input: '10',
  cached: '4',
  output: '5',
  // 6 × 2 + 4 × 1 + 5 × 4
  amount: '36',
  total: '100',
}

async function signedBy(account: typeof worker, file: Pick<InferenceReceipt, 'details' | 'charge'>) {
  const receipt = {
    worker: worker.address,
    lease: LEASE,
    era: 7n,
    sequence: 1n,
    content: receiptContent(file),
  }
  const signature = await account.signTypedData(receiptTypedData(receipt, chainId, workers))
  return InferenceReceipt.parse({ ...file, signed: receiptToJson({ ...receipt, signature }) })
}
const failed = async (file: InferenceReceipt) =>
  (await checkReceipt(file, ground)).steps.filter(({ ok }) => !ok).map(({ step }) => step)

describe('a receipt', () => {
  it('is good where the worker signed it and took no more than the price', async () => {
    const file = await signedBy(worker, { details, charge })
    expect(await checkReceipt(file, ground)).toMatchObject({ ok: true })
    expect((await checkReceipt(file, ground)).steps.map(({ step }) => step)).toEqual([
      'content',
      'signature',
      'lease',
      'price',
    ])
  })

  it('is found out where anything in it was changed after it was signed', async () => {
    const file = await signedBy(worker, { details, charge })
    expect(await failed({ ...file, details: { ...details, response: LEASE } })).toEqual(['content'])
    expect(await failed({ ...file, details: { ...details, model: 'large' } })).toEqual(['content'])
    expect(await failed({ ...file, charge: { ...charge, output: '6' } })).toEqual(['content'])
    const foreign = { ...file.signed, lease: OTHER }
    expect(await failed({ ...file, signed: foreign })).toEqual(['signature', 'lease'])
  })

  it('is forged where another key than the worker’s signed it', async () => {
    const forger = privateKeyToAccount(generatePrivateKey())
    expect(await failed(await signedBy(forger, { details, charge }))).toEqual(['signature'])
  })

  it('that took more than its usage costs is no good, signed or not', async () => {
    expect(await failed(await signedBy(worker, { details, charge: { ...charge, amount: '37' } }))).toEqual([
      'price',
    ])
    expect(await failed(await signedBy(worker, { details, charge: { ...charge, cached: '11' } }))).toEqual([
      'price',
    ])
    expect(await failed(await signedBy(worker, { details, charge: { ...charge, offer: NONE } }))).toEqual([
      'price',
    ])
  })

  it('is proven to be in the batch that it names, and in no other', async () => {
    const file = await signedBy(worker, { details, charge })
    const digest = receiptDigest(file.signed, ground)
    const tree = receiptTree([digest, keccak256('0x01'), keccak256('0x02')])
    const proof = { era: '7', index: 0, count: 3, root: tree.root, path: tree.pathOf(digest) }
    expect(await checkReceipt({ ...file, proof }, ground)).toMatchObject({ ok: true })
    expect(await failed({ ...file, proof: { ...proof, root: OTHER } })).toEqual(['proof'])
    expect(await failed({ ...file, proof: { ...proof, era: '8' } })).toEqual(['proof'])
  })

  it('takes no field that it doesn’t know', async () => {
    const file = await signedBy(worker, { details, charge })
    expect(InferenceReceipt.safeParse({ ...file, details: { ...details, prompt: 'x' } }).success).toBe(false)
    expect(InferenceReceipt.safeParse({ ...file, more: 1 }).success).toBe(false)
  })
})

it('a receipt’s digest is the one that its worker signed', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(9), (number, chain) => {
      const receipt = {
        worker: worker.address,
        lease: LEASE,
        era: number,
        sequence: number / 3n,
        content: OTHER,
      }
      const signed = receiptToJson({ ...receipt, signature: '0x' })
      const at = { chainId: chain + 1, workers }
      expect(receiptDigest(signed, at)).toBe(hashTypedData(receiptTypedData(receipt, at.chainId, workers)))
    }),
    { numRuns: 30 },
  )
})

it('every receipt of a batch leads to its root, and nothing else does', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(39), (count, at) => {
      const digests = Array.from({ length: count }, (_, index) => keccak256(toHex(index + 1)))
      const tree = receiptTree(digests)
      const digest = digests[at % count] as Hex
      expect(isIncluded(digest, tree.pathOf(digest), tree.root)).toBe(true)
      expect(isIncluded(OTHER, tree.pathOf(digest), tree.root)).toBe(false)
      expect(() => tree.pathOf(OTHER)).toThrow(RangeError)
      // The order that they came in says nothing.
      expect(receiptTree(digests.toReversed()).root).toBe(tree.root)
    }),
  )
})
