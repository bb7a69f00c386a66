import Anthropic from '@anthropic-ai/sdk'
import { hashManifest } from '@cloister/core'
import { inferenceManifest } from '@cloister/inference/protocol'
import { FakeAgent, startTestDoor, type TestDoor, testOptions } from '@cloister/inference/testing'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createCloister } from '../cloister.ts'
import { models, receipts } from '../index.ts'
import { createConfidentialFetch } from './confidential-fetch.ts'
import type { ConfidentialParameters } from './confidential-models.ts'
import { DOOR, FakeDoor, type InferenceStage, startInferenceStage } from './testing/endpoint.ts'

/** What the agent's hardware would say: evidence of the lease's worker, out of the stage's platform. */
class ProvenAgent extends FakeAgent {
  prove: FakeDoor | undefined
  override async quote(data: `0x${string}`) {
    if (!this.prove) throw new Error('There is no platform yet.')
    return this.prove.quote(data)
  }
}

let stage: InferenceStage
let door: TestDoor
let lease: `0x${string}`
let prover: FakeDoor

beforeAll(async () => {
  stage = await startInferenceStage()
  const options = testOptions({ door: DOOR, engine: ENGINE })
  const leased = await stage.lease(options)
  lease = leased.lease
  prover = await FakeDoor.start(stage.chain, leased, () => ({ pieces: [] }))
  const manifestHash = hashManifest(inferenceManifest(options))
  const agent = new ProvenAgent(stage.chain.network, { lease, manifestHash }, leased.worker)
  agent.prove = prover
  door = await startTestDoor({ options, agent })
}, 120_000)
afterAll(async () => {
  prover?.close()
  await door?.close()
  await stage?.stop()
})

const ENGINE = {
  image: 'cloister/llama-server:1',
  digest: `sha256:${'e1'.repeat(32)}`,
  port: 8080,
  memoryMiB: 256,
  cpuMilli: 500,
}
const messages = [{ role: 'user' as const, content: 'capital of France?' }]

/** A confidential fetch to the real door, and the next receipt that it hears of. */
function confidential(changes: Partial<ConfidentialParameters> = {}) {
  let heard: (outcome: Parameters<NonNullable<ConfidentialParameters['onReceipt']>>[0]) => void = () => {}
  const receipt = new Promise<Parameters<typeof heard>[0]>((resolve) => (heard = resolve))
  const asked = createConfidentialFetch({
    network: stage.chain.network,
    lease,
    url: door.url,
    onReceipt: (outcome: Parameters<typeof heard>[0]) => heard(outcome),
    ...changes,
  })
  return { asked, receipt }
}

it('asks the real door through OpenAI’s and Anthropic’s own clients, and proves what it said', async () => {
  const one = confidential()
  const openai = new OpenAI({ baseURL: 'http://any.example/v1', apiKey: 'any', fetch: one.asked })
  const answer = await openai.chat.completions.create({ model: 'tiny', messages })
  expect(answer.choices[0]?.message.content).toBe('Paris is the capital of France.')
  const { receipt, problem } = await one.receipt
  expect(problem).toBeUndefined()
  const cloister = createCloister({ network: stage.chain.network })
  expect(await receipts.verify(cloister, receipt)).toMatchObject({ ok: true, simulated: true })

  const two = confidential()
  const streaming = new OpenAI({ baseURL: 'http://any.example/v1', apiKey: 'any', fetch: two.asked })
  let text = ''
  const stream = await streaming.chat.completions.create({ model: 'tiny', messages, stream: true })
  for await (const { choices } of stream) text += choices[0]?.delta.content ?? ''
  expect(text).toBe('Paris is the capital of France.')
  expect(await two.receipt).toMatchObject({ receipt: { details: { outcome: 'complete', status: 200 } } })

  const three = confidential()
  const anthropic = new Anthropic({ baseURL: 'http://any.example', apiKey: 'any', fetch: three.asked })
  const said = await anthropic.messages.create({ model: 'tiny', max_tokens: 20, messages })
  expect(said.content).toMatchObject([{ type: 'text', text: 'Paris is the capital of France.' }])
  expect(await three.receipt).toMatchObject({ receipt: { details: { endpoint: '/v1/messages' } } })
})

it('chats piece by piece, and says what the endpoint refuses', async () => {
  const cloister = createCloister({ network: stage.chain.network })
  const client = models.confidential(cloister, { lease, url: door.url })
  const pieces: string[] = []
  for await (const piece of models.chat(client, { model: 'tiny', messages })) pieces.push(piece)
  expect(pieces.length).toBeGreaterThan(1)
  expect(pieces.join('')).toBe('Paris is the capital of France.')
  await expect(models.chat(client, { model: 'huge', messages }).next()).rejects.toMatchObject({
    message: expect.stringMatching(/^The endpoint refuses: .*huge/),
  })
})
