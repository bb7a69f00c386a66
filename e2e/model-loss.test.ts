import {
  channelIdIn,
  findToken,
  getChannel,
  getModelEarnings,
  startChannelWithdrawal,
  VOUCHERS_ABI,
  vouchersContract,
} from '@cloister/chain'
import type { Channel } from '@cloister/core'
import { developmentAccount } from '@cloister/development/accounts'
import { checkReceipt, InferenceReceipt } from '@cloister/inference/protocol'
import {
  type Cloister,
  createCloister,
  createConfidentialFetch,
  models,
  receipts,
  walletOf,
} from '@cloister/sdk'
import type { Send } from '@cloister/transport/web'
import OpenAI from 'openai'
import { type Hex, parseEventLogs } from 'viem'
import { getTransaction } from 'viem/actions'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { canDeploy, crash, processesOf, raiseStage, type Stage, until } from './embedded.ts'
import { doorProcess, type Entry, faultsIn, readBooks } from './model-loss/books.ts'
import {
  ANSWER,
  channelTo,
  endpointOf,
  MODEL,
  PRICES,
  type Served,
  serveTwice,
} from './model-loss/endpoints.ts'
import { Load } from './model-loss/load.ts'

// Two endpoints of one model on two workers of an embedded network, behind its gateway, paid by one API key;
// their engine is a program of fixed answers. They are killed under load, and asked what has to be refused.
//
// More of what has to be refused is tested beside the code: forged receipts in services/inference
// (protocol/receipt.test.ts) and packages/sdk (inference/models.test.ts); x402's vouchers a second time in
// services/inference (server/x402.test.ts), claims in contracts/test/inference/Vouchers; keys and evidence in
// packages/sdk (inference/endpoint.test.ts); sizes in packages/gateway (inference/limits.test.ts); caps,
// purses and keys in services/inference (server/paying.test.ts).

const PAYER = 4
const STRANGER = 7
const REQUESTS = 60
const PURSE = 5_000_000n
const FOREVER = 2 ** 47
/** Numbers that say why a row of claims was skipped: see `IVouchers.Skip`. */
const NOT_GROWING = 2

describe.skipIf(!canDeploy)('a model that is paid for', () => {
  let stage: Stage
  let payer: Cloister
  let served: [Served, Served]
  let channels: [Channel, Channel]
  let load: Load
  let apiKey: string

  const network = () => stage.embedded.network
  const client = (more: object = {}) => new OpenAI({ baseURL: `${network().gatewayUrl}/v1`, apiKey, ...more })
  const books = () =>
    Promise.all(served.map(({ lease }) => readBooks(stage.folder, lease))) as Promise<[Entry[], Entry[]]>
  const totalOf = (entries: Entry[]) => entries.reduce((sum, { charge }) => sum + BigInt(charge.amount), 0n)
  const claimed = (channel: Channel) =>
    getChannel(payer.chain, channelIdIn(payer.chain, channel)).then(({ totalClaimed }) => totalClaimed)
  const claims = () =>
    payer.chain.client.getContractEvents({
      ...vouchersContract(payer.chain),
      eventName: 'ChannelClaimed',
      fromBlock: BigInt(network().deployedAt),
    })
  const ask = (more: object) =>
    client().chat.completions.create({
      model: MODEL,
      messages: [{ role: 'user', content: 'What is the capital of France?' }],
      max_tokens: 20,
      ...more,
    })

  beforeAll(async () => {
    stage = await raiseStage()
    const account = developmentAccount(network(), PAYER)
    payer = createCloister({ network: network(), account })
    served = await serveTwice(stage)
    await models.fund(payer, { token: 'USDC', amount: PURSE })
    const made = await models.createKey(payer, { token: 'USDC', cap: PURSE, until: FOREVER })
    apiKey = made.apiKey
    const { token } = made
    channels = (await Promise.all(
      served.map((one) => channelTo(network(), one, { payer: account.address, key: made.key, token })),
    )) as [Channel, Channel]
    load = new Load(client(), MODEL, 'load')
    // What is drawn for each is on chain before it is killed.
    for (const { lease } of served) await load.ask(false, { 'cloister-lease': lease })
    for (const channel of channels)
      await until('what was drawn is there', async () => {
        const { balance } = await getChannel(payer.chain, channelIdIn(payer.chain, channel))
        return balance > 0n
      })
  }, 180_000)

  afterAll(() => stage?.end(), 180_000)

  /**
   * Calls `kill` while a lease and the other one answer, then looks at what everybody got and was charged. No
   * answer is just ending: what a machine had charged and not yet sent when it was lost stays charged.
   */
  async function loseUnderLoad(one: Served, kill: () => Promise<void>): Promise<void> {
    const { lease } = one
    const before = load.asked.length
    const loading = load.run(REQUESTS)
    loading.catch(() => {})
    await expect
      .poll(() => load.asked.length > before + REQUESTS / 3 && load.isInTheMidst(lease), {
        interval: 2,
        timeout: 30_000,
      })
      .toBe(true)
    await Promise.all([kill(), loading])
    const asked = load.asked.slice(before)
    expect(asked).toHaveLength(REQUESTS)
    const broken = asked.filter(({ state }) => state !== 'answered')
    // Nothing is sent twice once a byte of an answer has come: its client is told.
    expect(broken.length).toBeGreaterThan(0)
    for (const each of broken) expect(each).toMatchObject({ isStream: true, state: 'broken', lease })
    for (const { text, state } of asked)
      if (state === 'answered') expect(text).toBe('Paris is the capital of France.')
    await endpointOf(network(), one)
    expect(faultsIn(await books(), load.asked, ANSWER)).toEqual([])
  }

  it('loses no request and charges none twice when a worker is killed with all that it runs', async () => {
    const [one] = served
    const pids = processesOf(stage.folder, one.lease)
    await loseUnderLoad(one, () => {
      const restarted = crash(stage.embedded, one.daemon)
      for (const pid of pids) process.kill(pid, 'SIGKILL')
      return restarted
    })
    // What the door had charged is claimed by the one that comes after it.
    const total = totalOf((await books())[0])
    expect(total).toBeGreaterThan(ANSWER)
    await until('it is claimed', async () => (await claimed(channels[0])) === total, 20_000)
  })

  it('loses no request and charges none twice when a door is killed alone', async () => {
    const [, one] = served
    const pid = await until('its door runs', () => doorProcess(stage.folder, one.lease))
    await loseUnderLoad(one, async () => {
      process.kill(pid, 'SIGKILL')
      await until(
        'another one runs',
        async () => ![undefined, pid].includes(await doorProcess(stage.folder, one.lease)),
      )
    })
  })

  it('charges by good receipts alone, whose sum is claimed on chain once the payer leaves', async () => {
    const written = await books()
    const charged = written.flat().filter(({ charge }) => charge.amount !== '0')
    const { chainId, contracts } = network()
    for (const { details, charge } of charged) {
      const answer = await fetch(`${network().gatewayUrl}/v1/receipts/${details.id}`)
      const receipt = InferenceReceipt.parse(await answer.json())
      expect(receipt).toMatchObject({ details, charge })
      const checked = await checkReceipt(receipt, { chainId, workers: contracts.workers, prices: PRICES })
      expect(checked).toMatchObject({ ok: true })
    }
    for (const [at, channel] of channels.entries()) {
      await startChannelWithdrawal(walletOf(payer), channel, PURSE)
      // More than was drawn: the door looks at the channel, and finds that its payer leaves.
      const lease = (served[at] as Served).lease
      const large = { max_tokens: 100_000, messages: [{ role: 'user', content: 'x'.repeat(50_000) }] }
      const dear = client().chat.completions.create({ model: MODEL, ...large } as never, {
        headers: { 'cloister-lease': lease },
      })
      await expect(dear).rejects.toMatchObject({ status: 402 })
      const total = totalOf(written[at] as Entry[])
      await until('all is claimed', async () => (await claimed(channel)) === total, 20_000)
      await startChannelWithdrawal(walletOf(payer), channel, 0n)
    }
    const rows = await claims()
    const sum = (amounts: (bigint | undefined)[]) =>
      amounts.reduce<bigint>((all, one) => all + (one ?? 0n), 0n)
    const amount = sum(rows.map(({ args }) => args.amount))
    expect(amount).toBe(totalOf(written.flat()))
    const { address } = findToken(network(), 'USDC')
    const earned = await Promise.all(served.map(({ payee }) => getModelEarnings(payer.chain, payee, address)))
    expect(sum(earned)).toBe(amount - sum(rows.map(({ args }) => args.fee)))
  })

  describe('refuses', () => {
    it('vouchers that were claimed, from whoever hands them in again', async () => {
      const { client: chain } = payer.chain
      const before = await claims()
      const account = developmentAccount(network(), STRANGER)
      const stranger = walletOf(createCloister({ network: network(), account }))
      for (const transactionHash of new Set(before.map((row) => row.transactionHash))) {
        const { to, input } = await getTransaction(chain, { hash: transactionHash })
        const hash = await stranger.wallet.sendTransaction({ to: to as Hex, data: input })
        const { logs } = await chain.waitForTransactionReceipt({ hash })
        const skipped = parseEventLogs({ abi: VOUCHERS_ABI, logs })
        expect(skipped.length).toBeGreaterThan(0)
        for (const row of skipped)
          expect(row).toMatchObject({ eventName: 'ClaimSkipped', args: { reason: NOT_GROWING } })
      }
      expect(await claims()).toHaveLength(before.length)
    })

    it('receipts that were forged', async () => {
      const id = load.asked.findLast(({ state }) => state === 'answered')?.receipt as string
      const receipt = await receipts.fetch(payer, id)
      const { details, charge, signed } = receipt
      const digit = signed.signature.at(10) === '0' ? '1' : '0'
      const signature = `${signed.signature.slice(0, 10)}${digit}${signed.signature.slice(11)}`
      const verdicts = [
        receipt,
        { ...receipt, charge: { ...charge, output: '6' } },
        { ...receipt, details: { ...details, response: details.request } },
        { ...receipt, signed: { ...signed, signature } },
        { ...receipt, signed: { ...signed, worker: (await receiptOfOther(details.lease)).signed.worker } },
      ].map(async (file) => (await receipts.verify(payer, file)).ok)
      expect(await Promise.all(verdicts)).toEqual([true, false, false, false, false])
    })

    it('bodies that are too large, models that nobody offers, and keys that can’t pay', async () => {
      const tooLarge = [{ role: 'user', content: 'x'.repeat(4 * 1024 * 1024) }]
      await expect(ask({ messages: tooLarge })).rejects.toMatchObject({ status: 413 })
      await expect(ask({ model: 'unheard-of' })).rejects.toMatchObject({
        status: 404,
        code: 'model_not_found',
      })
      const small = await models.createKey(payer, { token: 'USDC', cap: ANSWER, until: FOREVER })
      const poor = new Load(client({ apiKey: small.apiKey }), MODEL, 'poor')
      await expect(poor.ask(false)).rejects.toMatchObject({ status: 402 })
      await expect(poor.ask(true)).rejects.toMatchObject({ status: 402 })
      await models.revokeKey(payer, small.key)
      expect(faultsIn(await books(), load.asked, ANSWER)).toEqual([])
    })

    it('to seal to a key that no evidence is about, or to a door that nobody believes', async () => {
      const posted: string[] = []
      const sendWith =
        (change: object): Send =>
        async (url, init) => {
          if (url.startsWith(network().gatewayUrl) && init.method === 'POST') posted.push(url)
          const answer = await fetch(url, init)
          if (!url.includes('/v1/attestation')) return answer
          return Response.json({ ...((await answer.json()) as object), ...change })
        }
      const images = [served[0].options.door]
      const over = (send: Send, believed: string[] | undefined) =>
        createConfidentialFetch({ network: network(), send, model: MODEL, apiKey, images: believed })
      const body = JSON.stringify({ model: MODEL, messages: [] })
      const post = (send: Send, believed: string[] | undefined) =>
        over(send, believed)('/v1/chat/completions', { method: 'POST', body })
      const foreign = { sealingKey: `0x${'09'.padEnd(64, '0')}` }
      await expect(post(sendWith(foreign), images)).rejects.toMatchObject({ code: 'not-attested' })
      const strange = [`sha256:${'5'.repeat(64)}`]
      await expect(post(sendWith({}), strange)).rejects.toMatchObject({ code: 'not-attested' })
      expect(posted).toEqual([])
      // Both were the reason: without them it is asked, and charged as any other.
      const sealed = new Load(client({ fetch: over(sendWith({}), images) }), MODEL, 'sealed')
      expect(await sealed.ask(true)).toMatchObject({ state: 'answered' })
      expect(posted).toHaveLength(1)
      expect(faultsIn(await books(), [...load.asked, ...sealed.asked], ANSWER)).toEqual([])
    })
  })

  /** A receipt of the endpoint that isn't a lease's. */
  async function receiptOfOther(lease: string): Promise<InferenceReceipt> {
    const id = load.asked.find((one) => one.state === 'answered' && one.lease !== lease)?.receipt as string
    return receipts.fetch(payer, id)
  }
})
