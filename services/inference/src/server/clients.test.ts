// The official clients, unchanged, against a door.
import { createHash } from 'node:crypto'
import { createOpenAI } from '@ai-sdk/openai'
import Anthropic from '@anthropic-ai/sdk'
import { ChatOpenAI } from '@langchain/openai'
import { generateText, streamText } from 'ai'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestDoor, type TestDoor, testOptions } from '../testing/index.ts'

const TOKEN = 'let-me-in'
const SENTENCE = 'Paris is the capital of France.'
const ask = (content: string) => [{ role: 'user' as const, content }]

let door: TestDoor
beforeAll(async () => {
  const tokenHash = `0x${createHash('sha256').update(TOKEN).digest('hex')}`
  door = await startTestDoor({ options: testOptions({ tokenHash }), engine: { pieceMs: 2 } })
})
afterAll(() => door.close())

describe('openai', () => {
  const client = (apiKey = TOKEN) => new OpenAI({ baseURL: `${door.url}/v1`, apiKey, maxRetries: 0 })

  it('chats, streams with usage, calls tools, and knows its request by its id', async () => {
    const { data, response, request_id } = await client()
      .chat.completions.create({ model: 'tiny', messages: ask('capital?') })
      .withResponse()
    expect(data.choices[0]?.message.content).toBe(SENTENCE)
    expect(request_id).toMatch(/^req_/)
    expect(response.headers.get('x-receipt-id')).toMatch(/^rcpt_/)
    const stream = await client().chat.completions.create({
      model: 'tiny',
      messages: ask('capital?'),
      stream: true,
      stream_options: { include_usage: true },
    })
    let text = ''
    let tokens = 0
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? ''
      tokens += chunk.usage?.completion_tokens ?? 0
    }
    expect([text, tokens]).toEqual([SENTENCE, 7])
    const tool = await client().chat.completions.create({ model: 'tiny', messages: ask('use a tool') })
    const [call] = tool.choices[0]?.message.tool_calls ?? []
    expect(call?.type === 'function' && JSON.parse(call.function.arguments)).toEqual({ city: 'Paris' })
  })

  it('completes, embeds, responds, and lists models', async () => {
    const completed = await client().completions.create({ model: 'tiny', prompt: 'capital?' })
    expect(completed.choices[0]?.text).toBe(SENTENCE)
    // It asks for base64 by itself, and decodes it.
    const embedded = await client().embeddings.create({ model: 'tiny', input: 'capital' })
    expect(embedded.data[0]?.embedding).toEqual([0.25, -0.5, 1])
    const responded = await client().responses.create({ model: 'tiny', input: 'capital?' })
    expect(responded.output_text).toBe(SENTENCE)
    const stream = await client().responses.create({ model: 'tiny', input: 'capital?', stream: true })
    let text = ''
    let isComplete = false
    for await (const event of stream) {
      if (event.type === 'response.output_text.delta') text += event.delta
      isComplete ||= event.type === 'response.completed'
    }
    expect([text, isComplete]).toEqual([SENTENCE, true])
    expect((await client().models.list()).data.map(({ id }) => id)).toEqual(['tiny'])
  })

  it('reads errors as its own, in a stream too', async () => {
    const chat = (model: string, content: string, apiKey?: string) =>
      client(apiKey).chat.completions.create({ model, messages: ask(content) })
    await expect(chat('gpt-9', 'hi')).rejects.toBeInstanceOf(OpenAI.NotFoundError)
    await expect(chat('gpt-9', 'hi')).rejects.toMatchObject({ code: 'model_not_found', param: 'model' })
    await expect(chat('tiny', 'hi', 'wrong')).rejects.toBeInstanceOf(OpenAI.AuthenticationError)
    await expect(chat('tiny', 'please fail')).rejects.toBeInstanceOf(OpenAI.InternalServerError)
    const stream = await client().chat.completions.create({
      model: 'tiny',
      messages: ask('please die'),
      stream: true,
    })
    const read = async () => {
      for await (const _ of stream);
    }
    await expect(read()).rejects.toThrow('broke off')
  })
})

describe('@anthropic-ai/sdk', () => {
  const client = () => new Anthropic({ baseURL: door.url, apiKey: TOKEN, maxRetries: 0 })
  const message = (content: string) => ({ model: 'tiny', max_tokens: 20, messages: ask(content) })

  it('gets messages, streams, tools and counts', async () => {
    const whole = await client().messages.create(message('capital?'))
    expect(whole.content).toEqual([{ type: 'text', text: SENTENCE }])
    const stream = client().messages.stream(message('capital?'))
    expect(await stream.finalText()).toBe(SENTENCE)
    expect((await stream.finalMessage()).usage.output_tokens).toBe(7)
    const tool = await client().messages.create(message('use a tool'))
    expect(tool.content[0]).toMatchObject({ type: 'tool_use', input: { city: 'Paris' } })
    const { max_tokens: _, ...counted } = message('capital?')
    expect(await client().messages.countTokens(counted)).toMatchObject({ input_tokens: 12 })
  })

  it('reads errors as its own, in a stream too', async () => {
    await expect(client().messages.create({ ...message('hi'), model: 'x' })).rejects.toBeInstanceOf(
      Anthropic.NotFoundError,
    )
    await expect(client().messages.stream(message('please die')).finalText()).rejects.toThrow('broke off')
  })
})

describe('agent frameworks', () => {
  it('ai generates and streams, by chat and by responses', async () => {
    const openai = createOpenAI({ baseURL: `${door.url}/v1`, apiKey: TOKEN })
    for (const model of [openai.chat('tiny'), openai.responses('tiny')]) {
      expect((await generateText({ model, prompt: 'capital?' })).text).toBe(SENTENCE)
      expect(await streamText({ model, prompt: 'capital?' }).text).toBe(SENTENCE)
    }
  })

  it('LangChain invokes and streams', async () => {
    const model = new ChatOpenAI({
      model: 'tiny',
      apiKey: TOKEN,
      configuration: { baseURL: `${door.url}/v1` },
      maxRetries: 0,
    })
    expect((await model.invoke('capital?')).content).toBe(SENTENCE)
    let text = ''
    for await (const chunk of await model.stream('capital?')) text += chunk.content
    expect(text).toBe(SENTENCE)
  })
})
