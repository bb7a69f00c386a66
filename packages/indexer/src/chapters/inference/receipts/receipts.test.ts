import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  anchorReceipts,
  connectWallet,
  findToken,
  openLease,
  registerWorker,
  signBid,
  signReceipt,
  type Wallet,
} from '@cloister/chain'
import { canonicalHash, ROUTE_HEADER, receiptToJson } from '@cloister/core'
import { coverWorker } from '@cloister/development/chain'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import {
  checkReceipt,
  InferenceReceipt,
  NONE,
  type ReceiptDetails,
  receiptContent,
  receiptDigest,
  receiptTree,
} from '@cloister/inference/protocol'
import type { Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestIndex, type TestIndex } from '../../../testing.ts'
import { checkBatch } from './check-batch.ts'

const HASH = `0x${'ab'.repeat(32)}` as const
const ERA = 7n
const key = privateKeyToAccount(generatePrivateKey())

let index: TestIndex
let provider: Wallet
let own: Wallet
let lease: Hex
let server: Server
/** What the door has, by path; what was asked of it, and for which lease. */
const batches = new Map<string, unknown>()
const asked: string[] = []

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(`${request.headers[ROUTE_HEADER]} ${request.url}`)
    const batch = batches.get(request.url ?? '')
    response
      .writeHead(batch ? 200 : 404, { 'content-type': 'application/json' })
      .end(JSON.stringify(batch ?? {}))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  index = await startTestIndex({ keepReceiptsMs: 100 })
  const { chain } = index
  provider = chain.wallet(1)
  own = connectWallet(chain.network, key)
  await fundDevelopmentAccount(chain.wallet(0), provider.account.address)
  const description = { cpuMilli: 2000, memoryMiB: 1024, diskMiB: 1024, gpus: 0, gpuClass: '' }
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await registerWorker(provider, key, { ...description, endpoint })
  await coverWorker(provider, await chain.root.manufacture(), key)
  const bid = await signBid(chain.network, key, {
    tenant: provider.account.address,
    worker: key.address,
    token: findToken(chain.network, 'USDC').address,
    ratePerSecond: 1n,
    minimumDeposit: 0n,
    expiry: Number((await provider.client.getBlock()).timestamp) + 600,
    room: 1n,
    noticeMinutes: 0,
    manifestHash: HASH,
    order: HASH,
    salt: 1n,
  })
  lease = (await openLease(provider, bid, 1_000_000n)).id
})
afterAll(async () => {
  await index?.stop()
  server.closeAllConnections()
  await new Promise((done) => server.close(done))
})

async function receiptOf(sequence: bigint): Promise<InferenceReceipt> {
  const details: ReceiptDetails = {
    version: 1,
    id: `rcpt_${lease.slice(2, 10)}${canonicalHash(String(sequence)).slice(2, 26)}`,
    lease,
    manifestHash: HASH,
    model: 'tiny',
    weights: null,
    endpoint: '/v1/chat/completions',
    request: HASH,
    requestSealed: null,
    response: HASH,
    responseSealed: null,
    status: 200,
    outcome: 'complete',
    evidence: HASH,
    receivedAt: 1,
    firstByteAt: 2,
    endedAt: 3,
  }
  const none = { input: '10', cached: '0', output: '5', amount: '0', total: '0' }
  const charge = { offer: NONE, channel: NONE, ...none }
  const content = receiptContent({ details, charge })
  const receipt = { worker: key.address, lease, era: ERA, sequence, content }
  return { details, charge, signed: receiptToJson(await signReceipt(index.chain.network, key, receipt)) }
}

const ground = () => ({
  chainId: index.chain.network.chainId,
  workers: index.chain.network.contracts.workers,
})
const rootOf = (receipts: InferenceReceipt[]) =>
  receiptTree(receipts.map(({ signed }) => receiptDigest(signed, ground()))).root
const ask = (id: string) => fetch(`${index.url}/v1/receipts/${id}`)

test('receipts of an anchored batch are kept with their proofs, once the door has them', async () => {
  const receipts = await Promise.all([0n, 1n, 2n].map(receiptOf))
  const [first] = receipts
  expect((await ask(first?.details.id ?? '')).status).toBe(404)
  batches.set('/v1/anchors/7/0', { era: '7', index: 0, receipts })
  await anchorReceipts(own, { lease, era: ERA, count: 3n, root: rootOf(receipts) })
  for (const { details } of receipts) {
    await expect.poll(async () => (await ask(details.id)).status, { timeout: 20_000 }).toBe(200)
    const kept = InferenceReceipt.parse(await (await ask(details.id)).json())
    expect(kept.proof).toMatchObject({ era: '7', index: 0, count: 3, root: rootOf(receipts) })
    expect(await checkReceipt(kept, ground())).toMatchObject({ ok: true })
  }
  const times = () => asked.filter((path) => path === `${lease}/ /v1/anchors/7/0`).length
  const before = times()
  // Another batch is asked for, and this one is not again.
  await anchorReceipts(own, { lease, era: ERA, count: 1n, root: HASH })
  await expect.poll(() => asked.includes(`${lease}/ /v1/anchors/7/1`), { timeout: 20_000 }).toBe(true)
  expect(times()).toBe(before)
})

test('a door that has a batch later, or lied at first, is asked again', async () => {
  const receipts = await Promise.all([5n, 6n].map(receiptOf))
  const path = '/v1/anchors/7/2'
  const timesAsked = () => asked.filter((one) => one === `${lease}/ ${path}`).length
  batches.set(path, { receipts: await Promise.all([7n, 8n].map(receiptOf)) })
  await anchorReceipts(own, { lease, era: ERA, count: 2n, root: rootOf(receipts) })
  await expect.poll(timesAsked, { timeout: 20_000 }).toBe(1)
  batches.set(path, { receipts })
  const id = receipts[0]?.details.id ?? ''
  expect((await ask(id)).status).toBe(404)
  await index.rpc('evm_increaseTime', 60)
  await index.rpc('evm_mine')
  await expect.poll(async () => (await ask(id)).status, { timeout: 20_000 }).toBe(200)
})

test('nothing is kept of a batch that is not what was anchored', async () => {
  const receipts = await Promise.all([3n, 4n].map(receiptOf))
  const [one, two] = receipts as [InferenceReceipt, InferenceReceipt]
  const anchored = { lease, worker: key.address, era: ERA, index: 3, count: 2, root: rootOf(receipts) }
  const check = (answer: unknown, changes: Partial<typeof anchored> = {}) =>
    checkBatch(answer, { ...anchored, ...changes }, ground())
  expect(await check({ receipts })).toHaveLength(2)
  const changed = { ...one, details: { ...one.details, model: 'other' } }
  const unsigned = { ...one, signed: { ...one.signed, signature: `0x${'11'.repeat(65)}` } }
  const bad = { code: 'bad-answer' }
  await expect(check({ receipts: [one] })).rejects.toMatchObject(bad)
  await expect(check({ receipts: [one, one] })).rejects.toMatchObject(bad)
  await expect(check({ receipts: [changed, two] })).rejects.toMatchObject(bad)
  await expect(check({ receipts: [unsigned, two] })).rejects.toMatchObject(bad)
  await expect(check({ receipts }, { lease: HASH })).rejects.toMatchObject(bad)
  await expect(check({ receipts }, { era: 8n })).rejects.toMatchObject(bad)
  await expect(check({ receipts }, { root: HASH })).rejects.toMatchObject(bad)
  await expect(check('nothing')).rejects.toMatchObject(bad)
})
