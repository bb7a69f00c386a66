import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { channelIdIn, getChannel } from '@cloister/chain'
import { bytesToHex } from 'viem'
import { afterEach, expect, it } from 'vitest'
import { Endpoint } from '../protocol/endpoint.ts'
import { checkReceipt, InferenceReceipt } from '../protocol/receipt.ts'
import type { DoorOrders } from '../testing/door-program.ts'
import { type FakeEngine, startFakeEngine, testOptions } from '../testing/index.ts'
import { type MoneyStage, startMoneyStage } from '../testing/money-stage.ts'

const PROGRAM = join(import.meta.dirname, '../testing/door-program.ts')
const PRICES = { input: 2_000_000n, cached: 1_000_000n, output: 4_000_000n }
const ANSWER = 48n

const ending: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end()
})

async function start(orders: DoorOrders): Promise<{ child: ChildProcess; url: string }> {
  const child = fork(PROGRAM, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  ending.push(() => child.kill('SIGKILL'))
  child.send(orders)
  const [port] = await once(child, 'message')
  return { child, url: `http://127.0.0.1:${port}` }
}

/** One answer: its receipt's id, if its head came, and whether all of it did. */
async function ask(url: string, apiKey: string): Promise<{ id?: string | null; isWhole: boolean }> {
  let id: string | null | undefined
  try {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({
        model: 'tiny',
        stream: true,
        max_tokens: 20,
        messages: [{ role: 'user', content: 'hi' }],
      }),
      headers: { authorization: `Bearer ${apiKey}` },
    })
    id = response.headers.get('x-receipt-id')
    return { id, isWhole: (await response.text()).includes('[DONE]') }
  } catch {
    return { ...(id !== undefined && { id }), isWhole: false }
  }
}

it('a door that is killed has billed what it answered and nothing else, and goes on from there', async () => {
  const stage: MoneyStage = await startMoneyStage()
  ending.push(() => stage.stop())
  await stage.offer(PRICES)
  const engine: FakeEngine = await startFakeEngine({ pieceMs: 20 })
  ending.push(() => engine.close())
  const folder = mkdtempSync(join(tmpdir(), 'cloister-door-'))
  ending.push(() => rmSync(folder, { recursive: true }))
  const orders: DoorOrders = {
    options: testOptions({ concurrency: 16 }),
    engineUrl: engine.url,
    folder,
    network: stage.chain.network,
    lease: stage.lease,
    secret: bytesToHex(randomBytes(32)),
    workerKey: stage.workerKey,
    rhythm: { claimMs: 1e9, anchorMs: 1e9, lookMs: 1e9 },
  }
  const { apiKey, account } = await stage.key(500_000n)
  const first = await start(orders)
  const whole = await Promise.all([1, 2, 3].map(() => ask(first.url, apiKey)))
  const flying = Array.from({ length: 8 }, () => ask(first.url, apiKey))
  await expect.poll(() => engine.requests.length).toBe(11)
  first.child.kill('SIGKILL')
  const answers = [...whole, ...(await Promise.all(flying))]
  const done = answers.filter(({ isWhole }) => isWhole)
  expect(done.length).toBeLessThan(11)

  const second = await start({ ...orders, rhythm: { claimMs: 100, anchorMs: 1e9, lookMs: 1e9 } })
  const last = await ask(second.url, apiKey)
  expect(last.isWhole).toBe(true)
  const receipts = []
  for (const { id, isWhole } of [...answers, last]) {
    const response = await fetch(`${second.url}/v1/receipts/${id}`)
    // Whoever got an answer has its receipt; who got none may have one only for an end that was on its way.
    if (isWhole) expect(response.status).toBe(200)
    if (response.status !== 200) continue
    const receipt = InferenceReceipt.parse(await response.json())
    const { chainId, contracts } = stage.chain.network
    const ground = { chainId, workers: contracts.workers, prices: PRICES }
    expect(await checkReceipt(receipt, ground)).toMatchObject({ ok: true })
    receipts.push(receipt)
  }
  // Every base unit that was charged has its receipt: no total is skipped or taken twice.
  const totals = receipts.map(({ charge }) => BigInt(charge.total)).toSorted((a, b) => Number(a - b))
  expect(totals).toEqual(receipts.map((_, index) => ANSWER * BigInt(index + 1)))
  expect(receipts.length).toBeGreaterThanOrEqual(done.length + 1)

  const { authorizer } = Endpoint.parse(await (await fetch(`${second.url}/v1/endpoint`)).json())
  const channel = channelIdIn(stage.reader, {
    payer: stage.payer.account.address,
    payerAuthorizer: account.address,
    receiver: stage.tenant.account.address,
    receiverAuthorizer: authorizer,
    token: stage.usdc,
    withdrawDelay: 900,
    salt: stage.lease,
  })
  await expect
    .poll(async () => (await getChannel(stage.reader, channel)).totalClaimed, { timeout: 20_000 })
    .toBe(ANSWER * BigInt(receipts.length))
}, 90_000)
