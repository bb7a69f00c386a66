import { endOffer, offerModel } from '@cloister/chain'
import type { InferenceReceipt } from '@cloister/inference/protocol'
import OpenAI from 'openai'
import type { Hex } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ConfidentialFetchParameters, createConfidentialFetch } from './confidential-fetch.ts'
import {
  type Engine,
  FakeDoor,
  type InferenceStage,
  type Leased,
  optionsOf,
  startInferenceStage,
} from './testing/endpoint.ts'

let stage: InferenceStage
let leased: Leased
let door: FakeDoor

const chunk = (content: string) =>
  `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content } }] })}\n\n`
const whole = {
  id: 'c1',
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Paris.' }, finish_reason: 'stop' }],
}
/** Answers as an OpenAI-compatible engine does: whole, or in pieces. */
const engine: Engine = (_, body) => {
  const { stream } = JSON.parse(Buffer.from(body).toString())
  return stream
    ? {
        headers: { 'content-type': 'text/event-stream' },
        pieces: [chunk('Pa'), chunk('ris.'), 'data: [DONE]\n\n'],
      }
    : { headers: { 'content-type': 'application/json' }, pieces: [JSON.stringify(whole)] }
}

beforeAll(async () => {
  stage = await startInferenceStage()
  leased = await stage.lease(optionsOf({ aliases: ['small'] }))
  door = await FakeDoor.start(stage.chain, leased, engine)
}, 120_000)
afterAll(async () => {
  door?.close()
  await stage?.stop()
})
beforeEach(() => {
  door.attack = {}
  door.asked = []
  door.sealed = []
  door.evidenceAsked = 0
})

type Heard = Parameters<NonNullable<ConfidentialFetchParameters['onReceipt']>>[0]

/** OpenAI's own client over a confidential fetch, and what it heard of receipts. */
function client(changes: Partial<ConfidentialFetchParameters> = {}) {
  const waiting: ((heard: Heard) => void)[] = []
  const heard: Heard[] = []
  const confidential = createConfidentialFetch({
    network: stage.chain.network,
    lease: leased.lease,
    url: door.url,
    apiKey: 'sk-clo-inside',
    onReceipt: (outcome: Heard) => {
      const next = waiting.shift()
      if (next) next(outcome)
      else heard.push(outcome)
    },
    ...changes,
  })
  return {
    openai: new OpenAI({ baseURL: 'https://anything.example/v1', apiKey: 'outside', fetch: confidential }),
    receipt: () =>
      new Promise<Heard>((resolve) => {
        const known = heard.shift()
        if (known) resolve(known)
        else waiting.push(resolve)
      }),
  }
}
const messages = [{ role: 'user' as const, content: 'The capital of France?' }]
const ask = (openai: OpenAI) => openai.chat.completions.create({ model: 'tiny', messages })

describe('OpenAI’s client over a confidential fetch', () => {
  it('gets whole and streamed answers, with its key inside of what is sealed and a receipt for each', async () => {
    const { openai, receipt } = client()
    const answer = await ask(openai)
    expect(answer.choices[0]?.message.content).toBe('Paris.')
    const { receipt: one, endpoint } = await receipt()
    expect(one).toMatchObject({ details: { lease: leased.lease, model: 'tiny' }, charge: { output: '3' } })
    expect(endpoint).toMatchObject({ worker: leased.worker.address, simulated: true })
    let text = ''
    const stream = await openai.chat.completions.create({ model: 'tiny', messages, stream: true })
    for await (const { choices } of stream) text += choices[0]?.delta.content ?? ''
    expect(text).toBe('Paris.')
    expect((await receipt()).problem).toBeUndefined()
    expect(door.asked.map(({ head }) => head.headers['authorization'])).toEqual([
      'Bearer sk-clo-inside',
      'Bearer sk-clo-inside',
    ])
    // Verified once.
    expect(door.evidenceAsked).toBe(1)
  })

  it('is told which models there are by the evidence alone', async () => {
    const { openai } = client()
    expect((await openai.models.list()).data.map(({ id }) => id)).toEqual(['tiny', 'small'])
    expect(door.asked).toEqual([])
  })

  it('asks nothing of an endpoint that is swapped in mid-conversation before that is verified', async () => {
    const { openai } = client()
    await ask(openai)
    await door.changeKey()
    // The same worker after a start: verified, asked again.
    await ask(openai)
    expect(door.evidenceAsked).toBe(2)
    expect(door.asked).toHaveLength(2)
    // Another machine in its place: has keys, but no evidence.
    const other = await stage.lease(optionsOf({ model: 'imposter' }))
    const imposter = await FakeDoor.start(stage.chain, { ...other, lease: leased.lease }, engine)
    door.attack.instead = (request, response) => {
      imposter.forward(request, response)
      return true
    }
    door.attack.attestation = ({ nonce }) => imposter.said(nonce as Hex)
    try {
      await expect(ask(openai)).rejects.toMatchObject({ cause: { code: 'not-attested' } })
      expect(imposter.asked).toEqual([])
      expect(door.asked).toHaveLength(2)
    } finally {
      imposter.close()
    }
  })

  it('has an error, and no half answer, where a stream is cut off', async () => {
    const { openai } = client()
    door.attack.answer = async function* (pieces) {
      const all: Uint8Array[] = []
      for await (const piece of pieces) all.push(piece)
      yield* all.slice(0, -2)
    }
    const stream = await openai.chat.completions.create({ model: 'tiny', messages, stream: true })
    const read = async () => {
      for await (const _ of stream);
    }
    await expect(read()).rejects.toMatchObject({ code: 'not-sealed-for-us' })
  })

  it('says what is wrong with a receipt: of another answer, by another key, changed, or not there', async () => {
    const { openai, receipt } = client()
    await ask(openai)
    const before = (await receipt()).receipt as InferenceReceipt
    const wrong: [(file: InferenceReceipt) => unknown | Promise<unknown>, RegExp][] = [
      [() => before, /Its id is/],
      [
        (file) => ({ ...file, details: { ...file.details, response: before.details.request } }),
        /was changed/,
      ],
      [
        (file) => ({ ...file, signed: { ...file.signed, worker: stage.chain.wallet(3).account.address } }),
        /did not sign/,
      ],
      [(file) => ({ ...file, charge: { ...file.charge, output: '4' } }), /was changed/],
      [() => ({}), /in a shape we don't know/],
    ]
    for (const [attack, message] of wrong) {
      door.attack.receipt = attack
      await ask(openai)
      expect((await receipt()).problem?.message).toMatch(message)
    }
    // Signed by the right worker, of this lease, with this id: over an answer that was another.
    const forged = await door.sign({
      details: { ...before.details, response: before.details.request },
      charge: before.charge,
    })
    door.attack.receipt = ({ details }) => {
      return door.sign({ details: { ...details, response: before.details.request }, charge: forged.charge })
    }
    await ask(openai)
    expect((await receipt()).problem?.message).toMatch(/Its answer is/)
    door.attack.receipt = ({ details, charge }) =>
      door.sign({ details, charge: { ...charge, offer: `0x${'0f'.repeat(32)}`, amount: '5', total: '5' } })
    await ask(openai)
    expect((await receipt()).problem?.message).toMatch(/has no offer 0x0f0f0f0f… of this lease's/)
  })

  it('takes the price of a newer offer where it is no higher, and says so where it is', async () => {
    const { openai, receipt } = client()
    const wallet = stage.chain.wallet(4)
    const token = stage.chain.network.tokens.find(({ symbol }) => symbol === 'USDC')?.address as Hex
    const offer = (input: bigint) =>
      offerModel(wallet, {
        lease: leased.lease,
        terms: { token, payee: wallet.account.address, input, cached: input, output: input },
        model: 'tiny',
        options: JSON.stringify(leased.options),
      })
    await offer(1_000_000n)
    // Verified with this offer standing; charged by one of those that come after it.
    await ask(openai)
    expect((await receipt()).endpoint.offer).toMatchObject({ input: 1_000_000n })
    for (const [input, message] of [
      [500_000n, undefined],
      [1_000_001n, /a newer offer, which costs more/],
    ] as const) {
      const id = await offer(input)
      const amount = String((10n * input + 999_999n) / 1_000_000n)
      door.attack.receipt = ({ details, charge }) =>
        door.sign({ details, charge: { ...charge, offer: id, amount, total: amount } })
      await ask(openai)
      const { problem } = await receipt()
      if (message) expect(problem?.message).toMatch(message)
      else expect(problem).toBeUndefined()
    }
    await endOffer(wallet, leased.lease)
  })

  it('gives each request one name, which its own retries keep, so that it is billed once', async () => {
    const { openai } = client()
    let refusals = 2
    door.attack.instead = (_, response) => {
      if (refusals-- <= 0) return false
      response.writeHead(429, { 'retry-after': '0' }).end('{"error":{"message":"busy"}}')
      return true
    }
    const names: (string | undefined)[] = []
    const before = door.sealed.length
    await ask(openai)
    expect(door.sealed.length - before).toBe(1)
    await ask(openai)
    for (const { head } of door.asked) names.push(head.headers['idempotency-key'])
    expect(new Set(names).size).toBe(2)
    expect(names.every((name) => name !== undefined)).toBe(true)
  })
})
