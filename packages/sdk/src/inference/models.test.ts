import { anchorReceipts, connectWallet, offerModel } from '@cloister/chain'
import { developmentAccount } from '@cloister/development/accounts'
import type { InferenceReceipt } from '@cloister/inference/protocol'
import {
  encodeApiKey,
  isApiKey,
  isIncluded,
  parseApiKey,
  receiptDigest,
  receiptTree,
} from '@cloister/inference/protocol'
import type { Address, Hex } from 'viem'
import { zeroHash } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Cloister, createCloister } from '../cloister.ts'
import { models, receipts } from '../index.ts'
import { inOrder } from './choose.ts'
import { candidatesFor } from './offers.ts'
import {
  FakeDoor,
  type InferenceStage,
  type Leased,
  optionsOf,
  startInferenceStage,
} from './testing/endpoint.ts'

let stage: InferenceStage
let tenant: Cloister
let usdc: Address
let cloi: Address

beforeAll(async () => {
  stage = await startInferenceStage()
  const { network } = stage.chain
  tenant = createCloister({ network, account: developmentAccount(network, 4) })
  const addressOf = (wanted: string) =>
    network.tokens.find(({ symbol }) => symbol === wanted)?.address as Address
  usdc = addressOf('USDC')
  cloi = addressOf('CLOI')
}, 120_000)
afterAll(() => stage?.stop())

/** Offers what a lease serves, as its tenant. */
const offered = async (leased: Leased, input: bigint, token = usdc) => {
  const terms = {
    token,
    payee: stage.chain.wallet(4).account.address,
    input,
    cached: input,
    output: input * 4n,
  }
  const { model } = leased.options
  return offerModel(stage.chain.wallet(4), {
    lease: leased.lease,
    terms,
    model,
    options: JSON.stringify(leased.options),
  })
}

describe('offers', () => {
  it('are told by model with prices, as the chain has them, and are tried by price', async () => {
    const one = await stage.lease(optionsOf({ aliases: ['small'] }))
    const two = await stage.lease(optionsOf({ contextLength: 1_024 }))
    const three = await stage.lease(optionsOf({ contextLength: 2_048 }))
    const four = await stage.lease(optionsOf({ model: 'other' }))
    for (const [leased, price, token] of [
      [one, 100n, usdc],
      [two, 105n, usdc],
      [three, 300n, usdc],
      [four, 1n, cloi],
    ] as const)
      await offered(leased, price, token)
    expect(await models.list(tenant)).toMatchObject([
      { model: 'other', offers: 1, cheapest: [{ token: cloi, input: 1n }] },
      {
        model: 'tiny',
        offers: 3,
        cheapest: [{ token: usdc, input: 100n, output: 400n }],
        contextLength: 2_048,
      },
    ])
    const found = await models.prices(tenant, 'tiny')
    expect(found.map(({ lease }) => lease)).toEqual([one.lease, two.lease, three.lease])
    expect((await models.prices(tenant, 'small')).map(({ lease }) => lease)).toEqual([one.lease])
    const order = await candidatesFor(tenant, { model: 'tiny' })
    expect(new Set(order.slice(0, 2))).toEqual(new Set([one.lease, two.lease]))
    expect(order[2]).toBe(three.lease)
    expect(await candidatesFor(tenant, { model: 'tiny', maxPrice: { input: 100n } })).toEqual([one.lease])
    await expect(candidatesFor(tenant, { model: 'other' })).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/none of them at such a price or in the token/),
      hint: { do: 'list-models' },
    })
    expect(await candidatesFor(tenant, { model: 'other', token: 'CLOI' })).toEqual([four.lease])
    await expect(candidatesFor(tenant, { model: 'huge' })).rejects.toMatchObject({ code: 'not-found' })
    // A new offer stands in place of the old one.
    await offered(one, 900n)
    expect((await models.prices(tenant, 'tiny')).map(({ input }) => input)).toEqual([105n, 300n, 900n])
  })

  it('are tried in an order that nobody can foretell, among those that cost about the same', () => {
    const offer = (name: string, input: bigint) => ({
      lease: name as Hex,
      token: usdc,
      input,
      cached: 0n,
      output: input,
    })
    const offers = [offer('0xa', 100n), offer('0xb', 101n), offer('0xc', 109n), offer('0xd', 200n)]
    const firsts = new Set(Array.from({ length: 200 }, () => inOrder(offers)[0]))
    expect(firsts).toEqual(new Set(['0xa', '0xb', '0xc']))
    expect(inOrder(offers).slice(3)).toEqual(['0xd'])
    expect(inOrder(offers, { output: 99n })).toEqual([])
    // What costs nothing comes before what costs little.
    expect(inOrder([offer('0xe', 1n), offer('0xf', 0n)])).toEqual(['0xf', '0xe'])
  })
})

describe('a receipt', () => {
  let leased: Leased
  let door: FakeDoor
  let offer: Hex
  let whole: InferenceReceipt
  const request = Buffer.from('{"model":"tiny"}')
  const response = Buffer.from('{"choices":[]}')

  beforeAll(async () => {
    leased = await stage.lease(optionsOf({ contextLength: 768 }))
    offer = await offered(leased, 1_000_000n)
    door = await FakeDoor.start(stage.chain, leased, () => ({ pieces: [] }))
    whole = await receiptOf()
  }, 60_000)
  afterAll(() => door?.close())

  /** A receipt that the lease's worker signed: 7 tokens in, 3 out, at the offer's price. */
  const receiptOf = async (
    details: Partial<InferenceReceipt['details']> = {},
    charge: Partial<InferenceReceipt['charge']> = {},
  ) => {
    const amount = String(7n + 3n * 4n)
    return door.signFor({ request, response }, details, {
      offer,
      channel: `0x${'c4'.repeat(32)}`,
      amount,
      total: amount,
      ...charge,
    })
  }
  const failing = async (file: unknown) => {
    const { ok, steps, sentence } = await receipts.verify(tenant, file)
    expect(ok).toBe(false)
    expect(sentence).toMatch(/^Do not trust this receipt: /)
    return steps.filter(({ outcome }) => outcome === 'fails').map(({ step }) => step)
  }

  it('proves by the chain alone who answered, with which model, for what price', async () => {
    const verified = await receipts.verify(tenant, whole, { request, response })
    expect(verified).toMatchObject({
      ok: true,
      simulated: true,
      worker: leased.worker.address,
      options: leased.options,
      offer: { id: offer, input: 1_000_000n },
      sentence: expect.stringMatching(/^Simulated: The model tiny on worker 0x.* answered this request on /),
    })
    expect(verified.steps.filter(({ outcome }) => outcome === 'unknown').map(({ step }) => step)).toEqual([
      'anchor',
    ])
    expect(verified.limits.join(' ')).toMatch(/machines are software.*does not say that the answer is right/)
  })

  it('says that it does not know what only the bytes could tell, and fails for others than those', async () => {
    const { limits, steps } = await receipts.verify(tenant, whole)
    expect(limits.join(' ')).toMatch(/hashes alone/)
    expect(steps.map(({ step }) => step)).not.toContain('response')
    const other = await receipts.verify(tenant, whole, { request, response: request })
    expect(other).toMatchObject({
      ok: false,
      sentence: expect.stringMatching(/answer that you have is another/),
    })
  })

  it('fails where a field of it was changed, or another key signed it', async () => {
    expect(await failing({ ...whole, details: { ...whole.details, model: 'larger' } })).toContain('content')
    expect(await failing({ ...whole, charge: { ...whole.charge, output: '4' } })).toContain('content')
    const other = stage.chain.wallet(3).account.address
    expect(await failing({ ...whole, signed: { ...whole.signed, worker: other } })).toEqual(
      expect.arrayContaining(['signature', 'worker', 'coverage']),
    )
  })

  it('fails where its own worker signed what the chain says otherwise', async () => {
    expect(await failing(await receiptOf({}, { amount: '20' }))).toEqual(['price'])
    expect(await failing(await receiptOf({}, { offer: zeroHash }))).toEqual(['price'])
    expect(await failing(await receiptOf({}, { offer: `0x${'0e'.repeat(32)}` }))).toEqual(['price'])
    expect(await failing(await receiptOf({ model: 'larger' }))).toEqual(['model'])
    expect(await failing(await receiptOf({ weights: `sha256:${'cc'.repeat(32)}` }))).toEqual(['model'])
    expect(await failing(await receiptOf({ manifestHash: `0x${'0d'.repeat(32)}` }))).toEqual(['manifest'])
    const long = Date.now() - 30 * 86_400_000
    expect(await failing(await receiptOf({ receivedAt: long, firstByteAt: long, endedAt: long }))).toEqual([
      'coverage',
      'manifest',
    ])
    expect(await failing(await receiptOf({ endedAt: Date.now() + 30 * 86_400_000 }))).toEqual(['coverage'])
  })

  it('fails where it is of another lease than its worker has', async () => {
    const other = await stage.lease(optionsOf({ model: 'elsewhere' }))
    const stranger = await FakeDoor.start(stage.chain, { ...leased, worker: other.worker }, () => ({
      pieces: [],
    }))
    try {
      const file = await stranger.signFor({ request, response }, {}, { ...whole.charge })
      expect(await failing(file)).toEqual(['worker'])
    } finally {
      stranger.close()
    }
  })

  it('is in a batch whose root is on chain, or its proof fails', async () => {
    const { network } = stage.chain
    const ground = { chainId: network.chainId, workers: network.contracts.workers }
    const files = [whole, await receiptOf(), await receiptOf()]
    const digests = files.map(({ signed }) => receiptDigest(signed, ground))
    const tree = receiptTree(digests)
    const era = BigInt(whole.signed.era)
    const worker = connectWallet(network, leased.worker)
    const index = await anchorReceipts(worker, { lease: leased.lease, era, count: 3n, root: tree.root })
    const proof = {
      era: whole.signed.era,
      index,
      count: 3,
      root: tree.root,
      path: tree.pathOf(digests[0] as Hex),
    }
    expect(isIncluded(digests[0] as Hex, proof.path, tree.root)).toBe(true)
    const verified = await receipts.verify(tenant, { ...whole, proof })
    expect(verified).toMatchObject({ ok: true })
    expect(verified.steps).toContainEqual(expect.objectContaining({ step: 'anchor', outcome: 'holds' }))
    expect(await failing({ ...whole, proof: { ...proof, index: index + 1 } })).toEqual(['anchor'])
    expect(await failing({ ...whole, proof: { ...proof, path: proof.path.slice(1) } })).toEqual(['proof'])
    const own = receiptTree([digests[0] as Hex])
    // A tree of one's own, which nobody anchored.
    expect(await failing({ ...whole, proof: { ...proof, root: own.root, path: [] } })).toEqual(['anchor'])
  })

  it('is none where it is something else', async () => {
    for (const file of [undefined, 7, {}, { ...whole, more: 1 }, { ...whole, signed: undefined }])
      await expect(receipts.verify(tenant, file)).rejects.toMatchObject({ code: 'bad-receipt' })
  })
})

describe('API keys and the purse', () => {
  it('are made, counted, cut off and paid out by the account alone', async () => {
    const until = Math.floor(Date.now() / 1000) + 86_400
    const { apiKey, key } = await models.createKey(tenant, { token: 'USDC', cap: 5_000n, until })
    expect(isApiKey(apiKey)).toBe(true)
    expect(parseApiKey(apiKey).address).toBe(key)
    const known = { key, token: usdc, cap: 5_000n, drawn: 0n, until }
    expect(await models.keyOf(tenant, apiKey)).toMatchObject(known)
    expect(await models.keyOf(tenant, key)).toMatchObject(known)
    const other = await models.createKey(tenant, { token: 'USDC', cap: 1n, until })
    expect(other.apiKey).not.toBe(apiKey)
    expect(await models.keys(tenant)).toMatchObject([known, { cap: 1n }])
    await models.revokeKey(tenant, key)
    expect(await models.keys(tenant)).toMatchObject([{ ...known, cap: 0n }, { cap: 1n }])
    await expect(models.keyOf(tenant, encodeApiKey(`0x${'77'.repeat(32)}`))).rejects.toMatchObject({
      code: 'not-found',
      hint: expect.anything(),
    })
    await expect(models.createKey(tenant, { token: 'NONE', cap: 1n, until })).rejects.toMatchObject({
      code: 'unknown-token',
    })
  })

  it('hold what was put in, and give it back after the wait', async () => {
    const { account } = stage.chain.wallet(4)
    await models.fund(tenant, { token: 'USDC', amount: 1_000n })
    expect(await models.purse(tenant, account.address, 'USDC')).toMatchObject({ balance: 1_000n })
    const { readyAt, withdrawn } = await models.withdraw(tenant, { token: 'USDC', amount: 400n })
    expect(withdrawn).toBe(0n)
    expect(readyAt).toBeGreaterThan(Date.now() / 1000)
    // Asked again, it says the same. From here on the chain's clock is ahead: nothing comes after this.
    expect(await models.withdraw(tenant, { token: 'USDC', amount: 400n })).toEqual({ withdrawn: 0n, readyAt })
    await stage.chain.wallet(0).client.request({ method: 'evm_increaseTime', params: [901] } as never)
    await stage.chain.wallet(0).client.request({ method: 'evm_mine' } as never)
    expect(await models.withdraw(tenant, { token: 'USDC', amount: 400n })).toEqual({
      withdrawn: 400n,
      readyAt: undefined,
    })
    expect(await models.purse(tenant, account.address, 'USDC')).toMatchObject({ balance: 600n })
    await expect(models.fund(tenant, { token: 'USDC', amount: 10n ** 30n })).rejects.toMatchObject({
      code: 'no-money',
    })
  })
})
