// x402's own client, unchanged, pays a door.
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Chain,
  connectWallet,
  getTokenBalance,
  getX402Channel,
  X402_CHANNELS,
  x402ChannelIdIn,
} from '@cloister/chain'
import { voucherTypedData } from '@cloister/core'
import { BatchSettlementEvmScheme } from '@x402/evm/batch-settlement/client'
import { ExactEvmScheme } from '@x402/evm/exact/client'
import { wrapFetchWithPayment, x402Client } from '@x402/fetch'
import OpenAI from 'openai'
import { type Address, type Hex, parseAbi, toHex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { InferenceReceipt } from '../protocol/receipt.ts'
import { startTestDoor, type TestDoor } from '../testing/index.ts'
import { type MoneyStage, startMoneyStage } from '../testing/money-stage.ts'
import { Store } from './store.ts'
import { PAYMENT_HEADER, REASONS, REQUIRED_HEADER } from './x402-wire.ts'

const PRICES = { input: 2_000_000n, cached: 1_000_000n, output: 4_000_000n }
const ANSWER = 48n
const NETWORK = 'eip155:31337'
const OFTEN = { claimMs: 100, anchorMs: 1e9, lookMs: 1e9 }
const NEVER = { claimMs: 1e9, anchorMs: 1e9, lookMs: 1e9 }
const body = (more: object = {}) =>
  JSON.stringify({ model: 'tiny', max_tokens: 20, messages: [{ role: 'user', content: 'hi' }], ...more })

let stage: MoneyStage
const open: TestDoor[] = []
beforeAll(async () => {
  stage = await startMoneyStage()
  await stage.offer(PRICES)
}, 60_000)
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})
afterAll(() => stage.stop())

async function door(rhythm = NEVER, folder?: string): Promise<TestDoor> {
  const { agent, reader: chain } = stage
  const started = await startTestDoor({ agent, chain, rhythm, takesX402: true, folder })
  open.push(started)
  return started
}

/** Somebody with USDC and nothing else, whose `fetch` pays. */
async function payer() {
  const account = privateKeyToAccount(generatePrivateKey())
  const { wallet, client } = stage.chain.wallet(0)
  const abi = parseAbi(['function mint(address to, uint256 amount)'])
  const args = [account.address, 1_000_000n] as const
  const hash = await wallet.writeContract({ address: stage.usdc, abi, functionName: 'mint', args })
  await client.waitForTransactionReceipt({ hash })
  const readContract = client.readContract.bind(client) as never
  const scheme = () =>
    new BatchSettlementEvmScheme({ ...account, readContract }, { salt: toHex(7, { size: 32 }) })
  const payments: string[] = []
  const seen: typeof fetch = (input, init) => {
    const header = input instanceof Request ? input.headers.get(PAYMENT_HEADER) : null
    if (header) payments.push(header)
    return fetch(input, init)
  }
  const paying = () => {
    const paid = new x402Client().register(NETWORK, scheme())
    paid.setSpendControls(false)
    return wrapFetchWithPayment(seen, paid)
  }
  return { account, paying, payments }
}
function ask(pay: typeof fetch, { url }: TestDoor, more: object = {}) {
  return pay(`${url}/v1/chat/completions`, { method: 'POST', body: body(more) })
}
async function chargeOf({ url }: TestDoor, response: Response): Promise<InferenceReceipt['charge']> {
  await response.arrayBuffer()
  const id = response.headers.get('x-receipt-id')
  return InferenceReceipt.parse(await (await fetch(`${url}/v1/receipts/${id}`)).json()).charge
}
const claimed = async (chain: Chain, channel: string) =>
  (await getX402Channel(chain, channel as Hex)).totalClaimed

it('pays in once, then by vouchers, and what it owes arrives at the payee less the fee', async () => {
  const started = await door(OFTEN)
  const { paying, payments } = await payer()
  const pay = paying()
  const before = await getTokenBalance(stage.reader, stage.usdc, stage.tenant.account.address as Address)
  const charges = []
  for (let count = 0; count < 3; count++) {
    const response = await ask(pay as typeof fetch, started)
    expect(response.status).toBe(200)
    charges.push(await chargeOf(started, response))
  }
  expect(charges.map(({ amount, total }) => [amount, total])).toEqual(
    [1n, 2n, 3n].map((count) => [String(ANSWER), String(ANSWER * count)]),
  )
  const types = payments.map((each) => JSON.parse(Buffer.from(each, 'base64').toString()).payload.type)
  expect(types).toEqual(['deposit', 'voucher', 'voucher'])
  const channel = charges[0]?.channel ?? ''
  await expect.poll(() => claimed(stage.reader, channel), { timeout: 10_000 }).toBe(ANSWER * 3n)
  await expect
    .poll(() => getTokenBalance(stage.reader, stage.usdc, stage.tenant.account.address as Address), {
      timeout: 10_000,
    })
    .toBeGreaterThanOrEqual(before + (ANSWER * 3n * 90n) / 100n)
}, 60_000)

it('is told where it stands after a stream, and after it forgot', async () => {
  const started = await door()
  const { paying } = await payer()
  const first = paying() as typeof fetch
  // The head of a stream leaves before its cost is known: the next voucher is corrected.
  expect(await (await ask(first, started, { stream: true })).text()).toContain('[DONE]')
  expect((await chargeOf(started, await ask(first, started))).total).toBe(String(ANSWER * 2n))
  // Another process of the same payer's knows nothing but the chain.
  const again = await ask(paying() as typeof fetch, started)
  expect([again.status, (await chargeOf(started, again)).total]).toEqual([200, String(ANSWER * 3n)])
}, 60_000)

it('plugs into openai', async () => {
  const started = await door()
  const { paying } = await payer()
  const client = new OpenAI({ baseURL: `${started.url}/v1`, apiKey: 'none', fetch: paying() as typeof fetch })
  const answer = await client.chat.completions.create({
    model: 'tiny',
    max_tokens: 20,
    messages: [{ role: 'user', content: 'capital?' }],
  })
  expect(answer.choices[0]?.message.content).toBe('Paris is the capital of France.')
}, 60_000)

it('a payment that was changed, is used up or is for another is refused, with why', async () => {
  const started = await door()
  const { paying, payments } = await payer()
  expect((await ask(paying() as typeof fetch, started)).status).toBe(200)
  const good = JSON.parse(Buffer.from(payments[0] ?? '', 'base64').toString())
  const answered = started.engine.requests.length
  const send = async (change: (payment: typeof good) => void) => {
    const payment = structuredClone(good)
    change(payment)
    const response = await fetch(`${started.url}/v1/chat/completions`, {
      method: 'POST',
      body: body(),
      headers: { [PAYMENT_HEADER]: Buffer.from(JSON.stringify(payment)).toString('base64') },
    })
    const required = response.headers.get(REQUIRED_HEADER)
    return [response.status, required && JSON.parse(Buffer.from(required, 'base64').toString()).error]
  }
  // The same voucher again pays nothing: what it promised is charged.
  expect(await send(() => {})).toEqual([402, REASONS.mismatch])
  expect(
    await send(({ payload }) => {
      payload.voucher.maxClaimableAmount = '1000000'
    }),
  ).toEqual([402, REASONS.signature])
  expect(
    await send(({ payload }) => {
      payload.channelConfig.receiver = stage.payer.account.address
    }),
  ).toEqual([402, REASONS.receiver])
  expect(
    await send(({ payload }) => {
      payload.channelConfig.receiverAuthorizer = stage.payer.account.address
    }),
  ).toEqual([402, REASONS.authorizer])
  expect(
    await send((payment) => {
      payment.accepted.network = 'eip155:1'
    }),
  ).toEqual([402, REASONS.network])
  expect(
    await send((payment) => {
      payment.payload = { type: 'gift' }
    }),
  ).toEqual([402, REASONS.payload])
  expect(started.engine.requests).toHaveLength(answered)
}, 60_000)

it('of a channel that nobody paid into nothing is kept', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-door-'))
  const started = await door(NEVER, folder)
  const { paying, payments } = await payer()
  expect((await ask(paying() as typeof fetch, started)).status).toBe(200)
  const good = JSON.parse(Buffer.from(payments[0] ?? '', 'base64').toString())
  const { channelConfig } = good.payload
  const made = privateKeyToAccount(generatePrivateKey())
  const { chainId } = stage.chain.network
  for (let salt = 0; salt < 5; salt++) {
    const config = {
      ...channelConfig,
      payer: made.address,
      payerAuthorizer: made.address,
      salt: toHex(salt, { size: 32 }),
    }
    const channelId = x402ChannelIdIn(stage.reader, config)
    const typed = voucherTypedData({ channelId, maxClaimableAmount: 1_000_000n }, chainId, X402_CHANNELS)
    const voucher = { channelId, maxClaimableAmount: '1000000', signature: await made.signTypedData(typed) }
    const payment = { ...good, payload: { type: 'voucher', channelConfig: config, voucher } }
    const response = await fetch(`${started.url}/v1/chat/completions`, {
      method: 'POST',
      body: body(),
      headers: { [PAYMENT_HEADER]: Buffer.from(JSON.stringify(payment)).toString('base64') },
    })
    expect(response.status).toBe(402)
  }
  const store = new Store(folder)
  expect(store.channelsOf('x402')).toHaveLength(1)
  store.close()
}, 60_000)

it('what its client announces to take back pays for nothing more, and what was charged is claimed before', async () => {
  const started = await door({ ...NEVER, lookMs: 0 })
  const { account, paying, payments } = await payer()
  const pay = paying() as typeof fetch
  const { channel } = await chargeOf(started, await ask(pay, started))
  const { client } = stage.chain.wallet(0)
  await client.request({
    method: 'anvil_setBalance' as never,
    params: [account.address, '0xde0b6b3a7640000'] as never,
  })
  const own = connectWallet(stage.chain.network, account)
  const paid = JSON.parse(Buffer.from(payments[0] ?? '', 'base64').toString())
  const hash = await own.wallet.writeContract({
    address: X402_CHANNELS,
    abi: parseAbi([
      'struct ChannelConfig { address payer; address payerAuthorizer; address receiver; address receiverAuthorizer; address token; uint40 withdrawDelay; bytes32 salt; }',
      'function initiateWithdraw(ChannelConfig config, uint128 amount)',
    ]),
    functionName: 'initiateWithdraw',
    args: [paid.payload.channelConfig, 1_000_000n],
  })
  await own.client.waitForTransactionReceipt({ hash })
  const answered = started.engine.requests.length
  expect((await ask(pay, started)).status).toBe(402)
  expect(started.engine.requests).toHaveLength(answered)
  await expect.poll(() => claimed(stage.reader, channel), { timeout: 10_000 }).toBe(ANSWER)
}, 60_000)

it('pays a single request without a deposit, by scheme exact, and each authorization once', async () => {
  const started = await door()
  const { account } = await payer()
  const payments: string[] = []
  const seen: typeof fetch = (input, init) => {
    const header = input instanceof Request ? input.headers.get(PAYMENT_HEADER) : null
    if (header) payments.push(header)
    return fetch(input, init)
  }
  const paid = new x402Client().register(NETWORK, new ExactEvmScheme(account))
  paid.setSpendControls(false)
  const pay = wrapFetchWithPayment(seen, paid) as typeof fetch
  const has = () => getTokenBalance(stage.reader, stage.usdc, account.address)
  const payee = () => getTokenBalance(stage.reader, stage.usdc, stage.tenant.account.address)
  const [before, earned] = [await has(), await payee()]
  const response = await ask(pay, started)
  expect(response.status).toBe(200)
  const settled = JSON.parse(Buffer.from(response.headers.get('payment-response') ?? '', 'base64').toString())
  expect(settled).toMatchObject({ success: true, payer: account.address })
  expect(before - (await has())).toBe(BigInt(settled.amount))
  expect((await payee()) - earned).toBe((BigInt(settled.amount) * 95n) / 100n)
  // The receipt says what the answer was worth; what was paid is the most that it could cost.
  const charge = await chargeOf(started, response)
  expect([charge.amount, BigInt(settled.amount) > BigInt(charge.amount)]).toEqual([String(ANSWER), true])

  const answered = started.engine.requests.length
  const good = JSON.parse(Buffer.from(payments[0] ?? '', 'base64').toString())
  const send = async (change: (payment: typeof good) => void) => {
    const payment = structuredClone(good)
    change(payment)
    const refused = await fetch(`${started.url}/v1/chat/completions`, {
      method: 'POST',
      body: body(),
      headers: { [PAYMENT_HEADER]: Buffer.from(JSON.stringify(payment)).toString('base64') },
    })
    const required = refused.headers.get(REQUIRED_HEADER) ?? ''
    return [refused.status, JSON.parse(Buffer.from(required, 'base64').toString()).error]
  }
  const [status, error] = await send(() => {})
  expect([status, String(error).startsWith(REASONS.exactUsed)]).toEqual([402, true])
  const changed = (change: (authorization: Record<string, string>) => void) =>
    send(({ payload }) => change(payload.authorization))
  const other = stage.payer.account.address
  expect(await changed((to) => Object.assign(to, { to: other }))).toEqual([402, REASONS.exactReceiver])
  expect(await changed((to) => Object.assign(to, { value: '1' }))).toEqual([402, REASONS.exactValue])
  expect(await changed((to) => Object.assign(to, { validBefore: '1' }))).toEqual([402, REASONS.exactTime])
  expect(await changed((to) => Object.assign(to, { from: other }))).toEqual([402, REASONS.exactSignature])
  expect(started.engine.requests).toHaveLength(answered)
}, 60_000)
