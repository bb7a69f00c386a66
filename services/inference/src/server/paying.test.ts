import {
  announceWithdrawal,
  changeKey,
  channelIdIn,
  endChannelWithdrawal,
  getChannel,
  getModelEarnings,
  getPurse,
  isAnchored,
  startChannelWithdrawal,
} from '@cloister/chain'
import type { Channel } from '@cloister/core'
import type { Hex } from 'viem'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { checkReceipt, InferenceReceipt, receiptDigest } from '../protocol/receipt.ts'
import { startTestDoor, type TestDoor, testOptions } from '../testing/index.ts'
import { type MoneyStage, startMoneyStage } from '../testing/money-stage.ts'

// An answer of the fake engine: 8 fresh tokens in, 4 cached, 7 out.
const PRICES = { input: 2_000_000n, cached: 1_000_000n, output: 4_000_000n }
const ANSWER = 8n * 2n + 4n + 7n * 4n
const NEVER = { claimMs: 1e9, anchorMs: 1e9, lookMs: 1e9 }
const OFTEN = { claimMs: 100, anchorMs: 100, lookMs: 1e9 }

let stage: MoneyStage
let offer: Hex
const open: TestDoor[] = []

beforeAll(async () => {
  stage = await startMoneyStage()
  offer = await stage.offer(PRICES)
}, 60_000)
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})
afterAll(() => stage.stop())

async function door(more: Parameters<typeof startTestDoor>[0] = {}): Promise<TestDoor> {
  const started = await startTestDoor({ agent: stage.agent, chain: stage.reader, rhythm: NEVER, ...more })
  open.push(started)
  return started
}
const body = (more: object = {}) =>
  JSON.stringify({
    model: 'tiny',
    messages: [{ role: 'user', content: 'capital of France?' }],
    max_tokens: 20,
    ...more,
  })
function ask({ url }: TestDoor, apiKey: string | undefined, more: object = {}, headers: object = {}) {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    body: body(more),
    headers: { ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }), ...headers },
  })
}
async function receiptOf({ url }: TestDoor, response: Response): Promise<InferenceReceipt> {
  await response.arrayBuffer()
  const id = response.headers.get('x-receipt-id')
  return InferenceReceipt.parse(await (await fetch(`${url}/v1/receipts/${id}`)).json())
}
function channelOf(key: Hex, door: TestDoor): Hex {
  return channelIdIn(stage.reader, configOf(key, door))
}
function configOf(key: Hex, { door: { endpoint } }: TestDoor): Channel {
  return {
    payer: stage.payer.account.address,
    payerAuthorizer: key,
    receiver: stage.tenant.account.address,
    receiverAuthorizer: endpoint().authorizer,
    token: stage.usdc,
    withdrawDelay: 900,
    salt: stage.lease,
  }
}
const ground = () => ({
  chainId: stage.chain.network.chainId,
  workers: stage.chain.network.contracts.workers,
  prices: PRICES,
})

it('an API key pays by the token: what answers cost is drawn, claimed and earned', async () => {
  const started = await door({ rhythm: OFTEN })
  const { apiKey, account } = await stage.key(100_000n)
  const earned = await getModelEarnings(stage.reader, stage.tenant.account.address, stage.usdc)
  const receipts = []
  for (let count = 0; count < 3; count++) receipts.push(await receiptOf(started, await ask(started, apiKey)))
  const channel = channelOf(account.address, started)
  expect(receipts.map(({ charge }) => charge)).toEqual(
    [1n, 2n, 3n].map((count) => ({
      offer,
      channel,
      input: '12',
      cached: '4',
      output: '7',
      amount: String(ANSWER),
      total: String(ANSWER * count),
    })),
  )
  for (const receipt of receipts) expect(await checkReceipt(receipt, ground())).toMatchObject({ ok: true })
  await expect
    .poll(async () => (await getChannel(stage.reader, channel)).totalClaimed, { timeout: 10_000 })
    .toBe(ANSWER * 3n)
  const now = await getModelEarnings(stage.reader, stage.tenant.account.address, stage.usdc)
  // A twentieth is the treasury's; each claim rounds for itself.
  expect(now - earned).toBeGreaterThanOrEqual((ANSWER * 3n * 95n) / 100n)
  // One draw was for all of them.
  expect((await getChannel(stage.reader, channel)).totalDrawn).toBeGreaterThan(ANSWER * 20n)
}, 30_000)

it('receipts are anchored in batches, with proofs that the chain accepts', async () => {
  const started = await door({ rhythm: OFTEN })
  const { apiKey } = await stage.key(100_000n)
  const answers = await Promise.all([1, 2, 3].map(() => ask(started, apiKey)))
  const ids = answers.map((answer) => answer.headers.get('x-receipt-id'))
  await Promise.all(answers.map((answer) => answer.arrayBuffer()))
  const read = async (id: string | null) =>
    InferenceReceipt.parse(await (await fetch(`${started.url}/v1/receipts/${id}`)).json())
  for (const id of ids) {
    await expect.poll(async () => (await read(id)).proof, { timeout: 10_000 }).toBeDefined()
    const receipt = await read(id)
    const { proof } = receipt
    if (!proof) throw new Error('it was there')
    expect(await checkReceipt(receipt, ground())).toMatchObject({ ok: true })
    expect(
      await isAnchored(stage.reader, {
        lease: stage.lease,
        era: BigInt(proof.era),
        index: proof.index,
        digest: receiptDigest(receipt.signed, ground()),
        proof: proof.path,
      }),
    ).toBe(true)
    const batch = (await (await fetch(`${started.url}/v1/anchors/${proof.era}/${proof.index}`)).json()) as {
      root: Hex
      receipts: InferenceReceipt[]
    }
    expect(batch.root).toBe(proof.root)
    expect(batch.receipts).toHaveLength(proof.count)
    expect(batch.receipts.map(({ details }) => details.id)).toContain(id)
  }
}, 30_000)

it('requests fly at once, as many as cap and purse cover, and no more than they cover', async () => {
  const options = testOptions({ concurrency: 10 })
  const started = await door({ options, engine: { delayMs: 1_500 } })
  // One answer may cost at most 12 words of bytes and template, and 20 tokens: what is reserved for it.
  const { apiKey: rich } = await stage.key(500_000n)
  const all = await Promise.all(Array.from({ length: 10 }, () => ask(started, rich)))
  expect(all.map(({ status }) => status)).toEqual(Array(10).fill(200))
  const totals = await Promise.all(all.map(async (each) => (await receiptOf(started, each)).charge.total))
  expect(totals.map(BigInt).toSorted((one, other) => Number(one - other))).toEqual(
    Array.from({ length: 10 }, (_, index) => ANSWER * BigInt(index + 1)),
  )
  const most = BigInt(body().length + 256) * 2n + 20n * 4n
  const { apiKey: poor } = await stage.key(most * 2n)
  const some = await Promise.all(Array.from({ length: 5 }, () => ask(started, poor)))
  expect(some.map(({ status }) => status).toSorted()).toEqual([200, 200, 402, 402, 402])
}, 30_000)

it('nobody is answered without money: no key, a strange key, a used-up cap, an emptied purse', async () => {
  const started = await door()
  expect((await ask(started, undefined)).status).toBe(402)
  expect((await ask(started, 'sk-proj-123')).status).toBe(401)
  const { encodeApiKey } = await import('../protocol/api-key.ts')
  const { generatePrivateKey } = await import('viem/accounts')
  expect((await ask(started, encodeApiKey(generatePrivateKey()))).status).toBe(401)
  const { apiKey: small } = await stage.key(10n)
  const refused = await ask(started, small)
  expect([refused.status, refused.headers.get('x-should-retry')]).toEqual([402, 'false'])
  const { apiKey, account } = await stage.key(10_000n)
  expect((await ask(started, apiKey)).status).toBe(200)
  await changeKey(stage.payer, account.address, { cap: 0n })
  // What was drawn is still there; a key that was stopped draws nothing more.
  const large = { max_tokens: 500, messages: [{ role: 'user', content: 'x'.repeat(200) }], n: 10 }
  expect((await ask(started, apiKey, large)).status).toBe(402)
  const { balance } = await getPurse(stage.reader, stage.payer.account.address, stage.usdc)
  await announceWithdrawal(stage.payer, stage.usdc, balance)
  const { apiKey: leaving } = await stage.key(10_000n)
  expect((await ask(started, leaving)).status).toBe(402)
  await announceWithdrawal(stage.payer, stage.usdc, 0n)
  expect((await ask(started, leaving)).status).toBe(200)
  expect(started.engine.requests).toHaveLength(2)
}, 30_000)

it('a request that its client sends again is billed once, by its key or by its body', async () => {
  const started = await door({ engine: { pieceMs: 30 } })
  const { apiKey } = await stage.key(100_000n)
  const named = { 'idempotency-key': 'mine' }
  const amounts = async (...answers: Response[]) =>
    Promise.all(answers.map(async (answer) => (await receiptOf(started, answer)).charge.amount))
  const first = await ask(started, apiKey, {}, named)
  const again = await ask(started, apiKey, {}, named)
  const third = await ask(started, apiKey, {}, named)
  const fourth = await ask(started, apiKey, {}, named)
  // Twice for nothing, and no more: who has it three times wants it.
  expect(await amounts(first, again, third, fourth)).toEqual([String(ANSWER), '0', '0', String(ANSWER)])
  // Another body under the same key is another request.
  expect(await amounts(await ask(started, apiKey, { seed: 1 }, named))).toEqual([String(ANSWER)])
  // The same body of one that got its answer is a new request, whatever it says of itself.
  const retry = { 'x-stainless-retry-count': '1' }
  expect(await amounts(await ask(started, apiKey), await ask(started, apiKey, {}, retry))).toEqual([
    String(ANSWER),
    String(ANSWER),
  ])

  // One that was broken off pays for what it got, and its repetition for the rest.
  const leaving = new AbortController()
  const broken = await fetch(`${started.url}/v1/chat/completions`, {
    method: 'POST',
    body: body({ stream: true }),
    headers: { authorization: `Bearer ${apiKey}` },
    signal: leaving.signal,
  })
  await broken.body?.getReader().read()
  leaving.abort()
  await expect.poll(() => started.engine.brokenOff).toBe(1)
  const id = broken.headers.get('x-receipt-id')
  const cut = InferenceReceipt.parse(await (await fetch(`${started.url}/v1/receipts/${id}`)).json())
  expect(cut.details.outcome).toBe('cancelled')
  const rest = await receiptOf(started, await ask(started, apiKey, { stream: true }, retry))
  const paid = BigInt(cut.charge.amount)
  expect(BigInt(rest.charge.amount)).toBe(paid > ANSWER ? 0n : ANSWER - paid)
}, 30_000)

it('what is drawn while a draw is on its way goes on chain after it', async () => {
  const send = stage.agent.sender
  const started = await door()
  const { apiKey, account } = await stage.key(400_000n)
  let begin = () => {}
  let goOn = () => {}
  const begun = new Promise<void>((done) => (begin = done))
  const waits = new Promise<void>((done) => (goOn = done))
  stage.agent.sender = async (contract, data) => {
    begin()
    await waits
    return send(contract, data)
  }
  try {
    await ask(started, apiKey, { max_tokens: 1 })
    await begun
    // It may cost more than the first draw has, so that there is another before that is mined.
    await ask(started, apiKey, { max_tokens: 400, n: 40 })
    goOn()
    const channel = channelOf(account.address, started)
    await expect
      .poll(async () => (await getChannel(stage.reader, channel)).totalDrawn, { timeout: 10_000 })
      .toBeGreaterThan(60_000n)
  } finally {
    stage.agent.sender = send
  }
}, 30_000)

it('where no transaction gets through, what was charged waits in the store and is claimed later', async () => {
  const { sender } = stage.agent
  stage.agent.sender = () => Promise.reject(new Error('no gas'))
  const started = await door({ rhythm: OFTEN })
  const { apiKey, account } = await stage.key(50_000n)
  expect((await ask(started, apiKey)).status).toBe(200)
  const channel = channelOf(account.address, started)
  expect((await getChannel(stage.reader, channel)).totalDrawn).toBe(0n)
  await expect.poll(() => started.lines.join('\n')).toContain('no gas')
  stage.agent.sender = sender
  await expect
    .poll(async () => (await getChannel(stage.reader, channel)).totalClaimed, { timeout: 20_000 })
    .toBe(ANSWER)
}, 40_000)

it('what a payer takes back of a channel is answered for no more, and what was charged is claimed before', async () => {
  const started = await door({ rhythm: { ...NEVER, lookMs: 0 } })
  const { apiKey, account } = await stage.key(60_000n)
  expect((await ask(started, apiKey)).status).toBe(200)
  const channel = channelOf(account.address, started)
  const look = () => getChannel(stage.reader, channel)
  await expect.poll(async () => (await look()).balance, { timeout: 10_000 }).toBeGreaterThan(ANSWER * 2n)
  const config = configOf(account.address, started)
  await startChannelWithdrawal(stage.payer, config, 1_000_000n)
  // The purse could pay for more; while somebody leaves, it isn't asked.
  const before = started.engine.requests.length
  expect((await ask(started, apiKey)).status).toBe(402)
  expect(started.engine.requests).toHaveLength(before)
  await expect.poll(async () => (await look()).totalClaimed, { timeout: 10_000 }).toBe(ANSWER)
  const { request } = stage.payer.client
  await request({ method: 'evm_increaseTime' as never, params: [900] as never })
  await request({ method: 'evm_mine' as never })
  expect(await endChannelWithdrawal(stage.payer, config)).toBeGreaterThan(0n)
  expect(await look()).toMatchObject({ balance: ANSWER, totalClaimed: ANSWER })
  // What went back to the purse is drawn anew.
  expect((await ask(started, apiKey)).status).toBe(200)
}, 60_000)

it('a model at no price is free, and its receipts name the offer', async () => {
  const free = await stage.offer({ input: 0n, cached: 0n, output: 0n })
  const started = await door()
  const receipt = await receiptOf(started, await ask(started, undefined))
  expect(receipt.charge).toMatchObject({ offer: free, amount: '0' })
  await stage.offer(PRICES)
})
