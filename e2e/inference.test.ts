import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Anthropic from '@anthropic-ai/sdk'
import { CloisterError } from '@cloister/core'
import { type EmbeddedNetwork, startNetwork } from '@cloister/devnet'
import { InferenceReceipt } from '@cloister/inference/protocol'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest'
import { canDeploy } from './embedded.ts'

// The tiny model in Debian's llama-server, in a lease of an embedded network: what the official clients get,
// unchanged. Where the engine can't be had, the tests are skipped and say so.

let folder: string
let embedded: EmbeddedNetwork | undefined
let missing: string | undefined
let openai: OpenAI
let anthropic: Anthropic
let model: string
let baseUrl: string
let apiKey: string

const WEATHER = {
  type: 'object' as const,
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
}
const TOOLS: OpenAI.ChatCompletionTool[] = [
  {
    type: 'function',
    function: { name: 'get_weather', description: 'The weather in a city', parameters: WEATHER },
  },
]

beforeAll(async () => {
  if (!canDeploy) return
  folder = await mkdtemp(join(tmpdir(), 'cloister-e2e-'))
  embedded = await startNetwork({
    folder: join(folder, 'state'),
    fresh: false,
    freePorts: true,
    withoutKeys: true,
    model: true,
  })
  const served = await embedded.model.catch((error) => {
    if (!(error instanceof CloisterError) || error.code !== 'image-unavailable') throw error
    missing = error.message
    return undefined
  })
  if (!served) return
  model = served.model
  baseUrl = served.baseUrl
  apiKey = served.apiKey
  openai = new OpenAI({ baseURL: baseUrl, apiKey, maxRetries: 0 })
  anthropic = new Anthropic({ baseURL: baseUrl.replace(/\/v1$/, ''), apiKey, maxRetries: 0 })
})

afterAll(async () => {
  await embedded?.stop()
  if (folder) await rm(folder, { recursive: true, force: true })
})

/** A test of the model, skipped with the reason where there is none. */
function asks(name: string, body: () => Promise<void>): void {
  test(name, async (context: TestContext) => {
    if (missing) context.skip(missing)
    await body()
  })
}

const says = (content: string) => [{ role: 'user' as const, content }]

describe.skipIf(!canDeploy)('OpenAI’s client', () => {
  asks('lists the model', async () => {
    const names = (await openai.models.list()).data.map(({ id }) => id)
    expect(names).toContain(model)
  })

  asks('gets an answer, and what it took', async () => {
    const answer = await openai.chat.completions.create({
      model,
      messages: says('What is the capital of Japan?'),
    })
    expect(answer.choices[0]?.message.content).toContain('Tokyo')
    expect(answer.choices[0]?.finish_reason).toBe('stop')
    expect(answer.model).toBe(model)
    expect(answer.usage?.total_tokens).toBe(
      (answer.usage?.prompt_tokens ?? 0) + (answer.usage?.completion_tokens ?? 0),
    )
  })

  asks('gets a stream piece by piece, with usage at its end', async () => {
    const stream = await openai.chat.completions.create({
      model,
      messages: says('Tell me a story about a fox.'),
      stream: true,
      stream_options: { include_usage: true },
    })
    const pieces: string[] = []
    let usage: OpenAI.CompletionUsage | null | undefined
    for await (const chunk of stream) {
      pieces.push(chunk.choices[0]?.delta.content ?? '')
      usage = chunk.usage ?? usage
    }
    expect(pieces.filter(Boolean).length).toBeGreaterThan(10)
    expect(pieces.join('')).toMatch(/^Once upon a time, there was an? \w+/)
    expect(usage?.completion_tokens).toBeGreaterThan(10)
  })

  asks('is told how much of a conversation the engine still knew', async () => {
    const first = says('Who are you?')
    const answer = await openai.chat.completions.create({ model, messages: first })
    const messages: OpenAI.ChatCompletionMessageParam[] = [
      ...first,
      { role: 'assistant', content: answer.choices[0]?.message.content ?? '' },
      ...says('What is the capital of Peru?'),
    ]
    const next = await openai.chat.completions.create({ model, messages })
    expect(next.choices[0]?.message.content).toContain('Lima')
    const { prompt_tokens = 0, prompt_tokens_details: details } = next.usage ?? {}
    expect(details?.cached_tokens).toBeGreaterThan(answer.usage?.prompt_tokens ?? 0)
    expect(details?.cached_tokens).toBeLessThan(prompt_tokens)
  })

  asks('gets a call of a tool, and an answer from its result', async () => {
    const messages: OpenAI.ChatCompletionMessageParam[] = says('What is the weather in Paris?')
    const asked = await openai.chat.completions.create({ model, messages, tools: TOOLS })
    expect(asked.choices[0]?.finish_reason).toBe('tool_calls')
    const [call] = asked.choices[0]?.message.tool_calls ?? []
    if (call?.type !== 'function') throw new Error('no call of a function')
    expect(call.function.name).toBe('get_weather')
    // Which city, a model of this size may get wrong.
    expect(JSON.parse(call.function.arguments)).toEqual({ city: expect.any(String) })
    const answer = await openai.chat.completions.create({
      model,
      tools: TOOLS,
      messages: [
        ...messages,
        { role: 'assistant', content: null, tool_calls: [call] },
        { role: 'tool', tool_call_id: call.id, content: '{"temperature": 21, "sky": "sunny"}' },
      ],
    })
    expect(answer.choices[0]?.message.content).toContain('21')
  })

  asks('gets JSON that fits a schema', async () => {
    const answer = await openai.chat.completions.create({
      model,
      messages: says('What is the capital of France? Answer in JSON.'),
      response_format: {
        type: 'json_schema',
        json_schema: {
          name: 'capital',
          strict: true,
          schema: {
            type: 'object',
            properties: { country: { type: 'string' }, capital: { type: 'string' } },
            required: ['country', 'capital'],
            additionalProperties: false,
          },
        },
      },
    })
    expect(JSON.parse(answer.choices[0]?.message.content ?? '')).toEqual({
      country: expect.any(String),
      capital: expect.any(String),
    })
  })

  asks('gets the likelihood of each token', async () => {
    const answer = await openai.chat.completions.create({
      model,
      messages: says('What is 3 plus 4?'),
      logprobs: true,
      top_logprobs: 3,
    })
    const tokens = answer.choices[0]?.logprobs?.content ?? []
    expect(tokens.map(({ token }) => token).join('')).toBe(answer.choices[0]?.message.content)
    for (const { logprob, top_logprobs } of tokens) {
      expect(logprob).toBeLessThanOrEqual(0)
      expect(top_logprobs).toHaveLength(3)
    }
  })

  asks('is answered up to a stop, and no further than it asked', async () => {
    const counting = { model, messages: says('Count to 10.') }
    const stopped = await openai.chat.completions.create({ ...counting, stop: ['5'] })
    expect(stopped.choices[0]?.message.content).toMatch(/^1, 2, 3, 4,\s*$/)
    const short = await openai.chat.completions.create({ ...counting, max_tokens: 4 })
    expect(short.choices[0]?.finish_reason).toBe('length')
    expect(short.usage?.completion_tokens).toBe(4)
  })

  asks('gets the same answer for the same seed', async () => {
    const story = { model, messages: says('Tell me a story.'), temperature: 1 }
    const tell = async (seed: number) =>
      (await openai.chat.completions.create({ ...story, seed })).choices[0]?.message.content
    const one = await tell(1)
    expect(await tell(1)).toBe(one)
    const others = await Promise.all([tell(2), tell(3)])
    expect(others.some((other) => other !== one)).toBe(true)
  })

  asks('is told in its own errors what is wrong', async () => {
    await expect(
      openai.chat.completions.create({ model: 'no-such-model', messages: says('Hi') }),
    ).rejects.toBeInstanceOf(OpenAI.NotFoundError)
    await expect(
      openai.chat.completions.create({ model, messages: says('word '.repeat(2_000)) }),
    ).rejects.toBeInstanceOf(OpenAI.BadRequestError)
  })

  asks('gets responses, the newer form', async () => {
    const answer = await openai.responses.create({ model, input: 'What is the capital of Italy?' })
    expect(answer.output_text).toContain('Rome')
  })

  asks('gets a signed receipt for each answer', async () => {
    const { response } = await openai.chat.completions
      .create({ model, messages: says('Hello') })
      .withResponse()
    const id = response.headers.get('x-receipt-id')
    const fetched = await fetch(`${baseUrl}/receipts/${id}`, {
      headers: { authorization: `Bearer ${apiKey}` },
    })
    const receipt = InferenceReceipt.parse(await fetched.json())
    expect(receipt.details).toMatchObject({ id, model, outcome: 'complete', status: 200 })
  })
})

describe.skipIf(!canDeploy)('Anthropic’s client', () => {
  const asked = { max_tokens: 100 }

  asks('gets an answer', async () => {
    const answer = await anthropic.messages.create({
      ...asked,
      model,
      system: 'Be brief.',
      messages: says('What is the capital of Norway?'),
    })
    expect(answer.content).toMatchObject([{ type: 'text', text: expect.stringContaining('Oslo') }])
    expect(answer.stop_reason).toBe('end_turn')
    expect(answer.usage.output_tokens).toBeGreaterThan(3)
  })

  asks('gets a stream', async () => {
    const stream = anthropic.messages.stream({
      ...asked,
      model,
      messages: says('What is the capital of Spain?'),
    })
    let text = ''
    stream.on('text', (piece) => {
      text += piece
    })
    const whole = await stream.finalMessage()
    expect(text).toContain('Madrid')
    expect(whole.content).toMatchObject([{ type: 'text', text }])
  })

  asks('gets a call of a tool', async () => {
    const answer = await anthropic.messages.create({
      ...asked,
      model,
      messages: says('What is the weather in Rome?'),
      tools: [{ name: 'get_weather', description: 'The weather in a city', input_schema: WEATHER }],
    })
    expect(answer.stop_reason).toBe('tool_use')
    expect(answer.content).toContainEqual(
      expect.objectContaining({ type: 'tool_use', name: 'get_weather', input: { city: expect.any(String) } }),
    )
  })
})
