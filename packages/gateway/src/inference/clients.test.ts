import { createOpenAI } from '@ai-sdk/openai'
import Anthropic from '@anthropic-ai/sdk'
import { ChatOpenAI } from '@langchain/openai'
import { generateText, streamText, tool } from 'ai'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { fakeEngine, leaseIdOf, raiseStage, type Stage } from './testing.ts'

let stage: Stage
beforeAll(async () => {
  stage = await raiseStage(1)
})
afterAll(() => stage.end())
afterEach(() => {
  const [worker] = stage.workers
  if (worker) worker.engine = fakeEngine('worker 0')
})

const worker = () => stage.workers[0] as Stage['workers'][number]
const openai = (more = {}) => new OpenAI({ baseURL: `${stage.url}/v1`, apiKey: 'sk-clo-test', ...more })
const ASK = { model: 'tiny', messages: [{ role: 'user' as const, content: 'Who are you?' }] }

/** An engine that calls the first tool that it is offered, once, and then says what came of it. */
const callsTools: Stage['workers'][number]['engine'] = (_, body, response) => {
  const { messages, tools, model } = JSON.parse(String(body))
  const result = messages.find(({ role }: { role: string }) => role === 'tool')
  const call = {
    id: 'call_1',
    type: 'function',
    function: { name: tools[0].function.name, arguments: '{"city":"Oslo"}' },
  }
  response.setHeader('content-type', 'application/json').end(
    JSON.stringify({
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model,
      choices: [
        result
          ? {
              index: 0,
              finish_reason: 'stop',
              message: { role: 'assistant', content: `It is ${result.content}` },
            }
          : {
              index: 0,
              finish_reason: 'tool_calls',
              message: { role: 'assistant', content: null, tool_calls: [call] },
            },
      ],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    }),
  )
}

describe('openai’s client', () => {
  it('gets answers and says whose they are', async () => {
    const { data, response, request_id } = await openai().chat.completions.create(ASK).withResponse()
    expect(data.choices[0]?.message.content).toBe('I am worker 0')
    expect(response.headers.get('cloister-lease')).toBe(leaseIdOf(0))
    expect(response.headers.get('x-receipt-id')).toMatch(/^rcpt_/)
    expect(request_id).toBeTruthy()
    const seen = worker().asked.at(-1)
    expect(seen?.headers).toMatchObject({ authorization: 'Bearer sk-clo-test', 'x-request-id': request_id })
    expect(seen?.headers['x-forwarded-for']).toBeUndefined()
    expect(JSON.parse(String(seen?.body))).toEqual(ASK)
  })

  it('streams', async () => {
    const words: string[] = []
    const stream = await openai().chat.completions.create({ ...ASK, stream: true })
    for await (const { choices } of stream) words.push(choices[0]?.delta.content ?? '')
    expect(words.join('')).toBe('I am worker 0')
    expect(words.length).toBeGreaterThan(3)
  })

  it('lists models, and embeds', async () => {
    const { data } = await openai().models.list()
    expect(data.map(({ id }) => id)).toEqual(['tiny', 'tiny-0'])
    expect(await openai().models.retrieve('tiny')).toMatchObject({
      id: 'tiny',
      context_length: 512,
      pricing: { prompt: '0.000001', completion: '0.000002', currency: 'USDC' },
    })
    await expect(openai().models.retrieve('huge')).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    })
    const { data: vectors } = await openai().embeddings.create({ model: 'tiny', input: 'a' })
    expect(vectors[0]?.embedding).toEqual([1, 2])
  })

  it('calls tools', async () => {
    worker().engine = callsTools
    const runner = openai().chat.completions.runTools({
      ...ASK,
      tools: [
        {
          type: 'function',
          function: {
            name: 'weather',
            description: 'how it is there',
            parameters: { type: 'object', properties: { city: { type: 'string' } } },
            parse: JSON.parse as (text: string) => { city: string },
            function: ({ city }: { city: string }) => `cold in ${city}`,
          },
        },
      ],
    })
    expect(await runner.finalContent()).toBe('It is cold in Oslo')
  })

  it('raises errors of the gateway as its own', async () => {
    const failed = (body: object) =>
      openai({ maxRetries: 0 })
        .chat.completions.create({ ...ASK, ...body })
        .catch((error: unknown) => error)
    expect(await failed({ model: 'huge' })).toBeInstanceOf(OpenAI.NotFoundError)
    expect(await failed({ model: 'huge' })).toMatchObject({
      status: 404,
      code: 'model_not_found',
      param: 'model',
      type: 'invalid_request_error',
      message: '404 The model `huge` is not offered here.',
    })
    expect(await failed({ model: 7 })).toBeInstanceOf(OpenAI.BadRequestError)
    const long = [{ role: 'user', content: 'x'.repeat(5 * 1024 * 1024) }]
    expect(await failed({ messages: long })).toMatchObject({ status: 413 })
  })

  it('raises an engine’s errors as the engine says them', async () => {
    worker().engine = (_, __, response) =>
      response
        .writeHead(400, { 'content-type': 'application/json' })
        .end(
          JSON.stringify({ error: { message: 'too long', type: 'invalid_request_error', code: 'context' } }),
        )
    await expect(openai().chat.completions.create(ASK)).rejects.toMatchObject({
      status: 400,
      code: 'context',
      message: '400 too long',
    })
  })

  it('retries by itself after as long as the gateway says', async () => {
    let times = 0
    const usual = fakeEngine('worker 0')
    worker().engine = (request, body, response) =>
      times++ === 0
        ? response.writeHead(429, { 'retry-after': '1' }).end(JSON.stringify({ error: { message: 'full' } }))
        : usual(request, body, response)
    const { choices } = await openai().chat.completions.create(ASK)
    expect(choices[0]?.message.content).toBe('I am worker 0')
    expect(worker().asked.at(-1)?.headers['x-stainless-retry-count']).toBe('1')
  })

  it('has the engine stop where it leaves', async () => {
    const before = worker().left
    worker().engine = (_, __, response) => {
      response.setHeader('content-type', 'text/event-stream')
      response.write('data: {"choices":[{"delta":{"content":"a"}}]}\n\n')
    }
    const stream = await openai().chat.completions.create({ ...ASK, stream: true })
    for await (const _ of stream) break
    await expect.poll(() => worker().left).toBe(before + 1)
    // Also before a byte of an answer.
    worker().engine = () => {}
    const leaving = new AbortController()
    const asked = worker().asked.length
    const answer = openai().chat.completions.create(ASK, { signal: leaving.signal })
    await expect.poll(() => worker().asked.length).toBe(asked + 1)
    leaving.abort()
    await expect(answer).rejects.toBeInstanceOf(OpenAI.APIUserAbortError)
    await expect.poll(() => worker().left).toBe(before + 2)
  })

  it('raises an answer that broke off, and takes it for no whole one', async () => {
    worker().engine = (_, __, response) => {
      response.setHeader('content-type', 'text/event-stream')
      response.write('data: {"choices":[{"delta":{"content":"a"}}]}\n\n')
      setImmediate(() => response.destroy())
    }
    const read = async () => {
      const stream = await openai().chat.completions.create({ ...ASK, stream: true })
      for await (const _ of stream);
    }
    await expect(read()).rejects.toMatchObject({ message: 'The endpoint broke the answer off.' })
  })
})

describe('Anthropic’s client', () => {
  const anthropic = () => new Anthropic({ baseURL: stage.url, apiKey: 'sk-clo-test', maxRetries: 0 })
  const ask = { ...ASK, max_tokens: 10 }

  it('gets answers, whole and in a stream', async () => {
    const message = await anthropic().messages.create(ask)
    expect(message.content).toEqual([{ type: 'text', text: 'I am worker 0' }])
    expect(worker().asked.at(-1)?.headers['authorization']).toBe('Bearer sk-clo-test')
    expect(await anthropic().messages.stream(ask).finalText()).toBe('I am worker 0')
  })

  it('counts tokens where the engine does, and lists models', async () => {
    worker().engine = (request, _, response) =>
      response
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify({ input_tokens: request.url?.length }))
    expect(await anthropic().messages.countTokens(ASK)).toEqual({
      input_tokens: '/v1/messages/count_tokens'.length,
    })
    const { data } = await anthropic().models.list()
    expect(data.map(({ id, type }) => [id, type])).toEqual([
      ['tiny', 'model'],
      ['tiny-0', 'model'],
    ])
  })

  it('raises errors in its own form, also in a stream', async () => {
    const error = await anthropic()
      .messages.create({ ...ask, model: 'huge' })
      .catch((error: unknown) => error)
    expect(error).toBeInstanceOf(Anthropic.NotFoundError)
    expect((error as InstanceType<typeof Anthropic.APIError>).error).toMatchObject({
      type: 'error',
      error: { type: 'not_found_error' },
    })
    worker().engine = (_, __, response) => {
      response.setHeader('content-type', 'text/event-stream')
      response.write('event: ping\ndata: {"type":"ping"}\n\n')
      setImmediate(() => response.destroy())
    }
    await expect(anthropic().messages.stream(ask).finalText()).rejects.toThrow('broke the answer off')
  })
})

describe('agent frameworks', () => {
  it('`ai` answers, streams and calls tools', async () => {
    const model = createOpenAI({ baseURL: `${stage.url}/v1`, apiKey: 'sk-clo-test' }).chat('tiny')
    expect((await generateText({ model, prompt: 'Who?' })).text).toBe('I am worker 0')
    expect(await streamText({ model, prompt: 'Who?' }).text).toBe('I am worker 0')
    worker().engine = callsTools
    const { toolCalls } = await generateText({
      model,
      prompt: 'Weather?',
      tools: { weather: tool({ inputSchema: z.object({ city: z.string() }) }) },
    })
    expect(toolCalls).toMatchObject([{ toolName: 'weather', input: { city: 'Oslo' } }])
  })

  it('LangChain answers and streams', async () => {
    const model = new ChatOpenAI({
      model: 'tiny',
      apiKey: 'sk-clo-test',
      configuration: { baseURL: `${stage.url}/v1` },
    })
    expect((await model.invoke('Who?')).text).toBe('I am worker 0')
    const words: string[] = []
    for await (const piece of await model.stream('Who?')) words.push(piece.text)
    expect(words.join('')).toBe('I am worker 0')
  })
})
