import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { type Served, serve } from '@cloister/transport'

/** What a fake engine was asked, as it came. */
interface FakeRequest {
  path: string
  headers: IncomingMessage['headers']
  body: Record<string, unknown>
}

/** An engine for tests that answers by script, and remembers what it was asked. */
export interface FakeEngine extends Served {
  url: string
  requests: FakeRequest[]
  /** Requests that whoever asked broke off. */
  brokenOff: number
}

/** How a fake engine answers. */
export interface FakeEngineOptions {
  /** Where it listens; loopback, if not given. */
  host?: string
  port?: number
  /** Milliseconds before the first byte. */
  delayMs?: number
  /** The same for an answer that is no stream. */
  wholeMs?: number
  /** Milliseconds between two pieces of a stream. */
  pieceMs?: number
}

const WORDS = ['Paris', ' is', ' the', ' capital', ' of', ' France', '.']
const INPUT = 12
const CACHED = 4
const ID = 'fake0123456789'

/**
 * A program of fixed answers in the APIs that engines speak: OpenAI's chat, completions, embeddings and
 * responses, Anthropic's messages. The last words that it is asked say what it does: `tool` calls one, `fail`
 * answers 500, `hang` says nothing, `stall` falls silent in mid-stream, `die` breaks the connection there,
 * `flood` streams without an end; anything else gets a sentence of 7 tokens for 12 of input, 4 of which were
 * cached.
 */
export async function startFakeEngine(options: FakeEngineOptions = {}): Promise<FakeEngine> {
  const state = { requests: [] as FakeRequest[], brokenOff: 0 }
  const server = createServer((request, response) => {
    answer(request, response, options, state).catch(() => response.destroy())
  })
  const served = await serve('The fake engine', server, {
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
  })
  return Object.assign(state, { ...served, url: `http://127.0.0.1:${served.port}` })
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { delayMs = 0, wholeMs = delayMs, pieceMs = 0 }: FakeEngineOptions,
  state: { requests: FakeRequest[]; brokenOff: number },
): Promise<void> {
  let text = ''
  for await (const chunk of request) text += chunk
  const body = JSON.parse(text || '{}') as Record<string, unknown>
  const path = request.url ?? '/'
  state.requests.push({ path, headers: request.headers, body })
  response.once('close', () => {
    if (!response.writableFinished) state.brokenOff++
  })
  const wish = wishOf(body)
  const silentMs = body['stream'] === true ? delayMs : wholeMs
  if (silentMs > 0) await wait(silentMs)
  if (wish === 'hang') return
  if (wish === 'fail')
    return send(response, 500, { error: { message: 'out of memory', type: 'server_error' } })
  if (wish === 'refuse')
    return send(response, 400, { error: { message: 'no such grammar', type: 'invalid' } })
  if (path === '/v1/messages/count_tokens') return send(response, 200, { input_tokens: INPUT })
  const isTool = wish === 'tool'
  if (body['stream'] !== true) {
    const whole = wholeAnswer(path, body, isTool)
    return whole ? send(response, 200, whole) : send(response, 404, { error: { message: 'no such path' } })
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  if (wish === 'flood') {
    const choices = [{ index: 0, delta: { content: 'x'.repeat(16_384) } }]
    const event = `data: ${JSON.stringify({ id: `chatcmpl-${ID}`, choices })}\n\n`
    while (!response.destroyed) await new Promise((written) => response.write(event, written))
    return
  }
  const events = streamOf(path, body, isTool)
  for (const [index, event] of events.entries()) {
    if (index === 3 && wish === 'stall') return
    if (index === 3 && wish === 'die') return void response.destroy()
    if (response.destroyed) return
    await new Promise((written) => response.write(event, written))
    if (pieceMs > 0) await wait(pieceMs)
  }
  response.end()
}

function wishOf(body: Record<string, unknown>): string {
  const messages = (body['messages'] ?? body['input'] ?? body['prompt'] ?? '') as unknown
  const last = Array.isArray(messages) ? messages.at(-1) : messages
  const content = typeof last === 'string' ? last : (last as { content?: unknown } | undefined)?.content
  const said = typeof content === 'string' ? content : (content as { text?: string }[] | undefined)?.[0]?.text
  return (
    String(said ?? '')
      .split(' ')
      .at(-1) ?? ''
  )
}

function wholeAnswer(path: string, body: Record<string, unknown>, isTool: boolean): object | undefined {
  const text = WORDS.join('')
  const { model } = body
  switch (path) {
    case '/v1/chat/completions': {
      const message = isTool
        ? { role: 'assistant', content: null, tool_calls: [TOOL] }
        : { role: 'assistant', content: text }
      const finish_reason = isTool ? 'tool_calls' : 'stop'
      const choices = [{ index: 0, message, finish_reason, logprobs: null }]
      return {
        id: `chatcmpl-${ID}`,
        object: 'chat.completion',
        created: 1,
        model,
        choices,
        usage: OPENAI_USAGE,
      }
    }
    case '/v1/completions':
      return {
        id: `cmpl-${ID}`,
        object: 'text_completion',
        created: 1,
        model,
        choices: [{ index: 0, text, finish_reason: 'stop', logprobs: null }],
        usage: OPENAI_USAGE,
      }
    case '/v1/embeddings': {
      const floats = new Float32Array([0.25, -0.5, 1])
      const embedding =
        body['encoding_format'] === 'base64' ? Buffer.from(floats.buffer).toString('base64') : [...floats]
      const data = [{ object: 'embedding', index: 0, embedding }]
      return { object: 'list', data, model, usage: { prompt_tokens: INPUT, total_tokens: INPUT } }
    }
    case '/v1/responses':
      return responseOf(model, text)
    case '/v1/messages':
      return {
        id: `msg_${ID}`,
        type: 'message',
        role: 'assistant',
        model,
        content: isTool ? [ANTHROPIC_TOOL] : [{ type: 'text', text }],
        stop_reason: isTool ? 'tool_use' : 'end_turn',
        stop_sequence: null,
        usage: { input_tokens: INPUT - CACHED, cache_read_input_tokens: CACHED, output_tokens: WORDS.length },
      }
    default:
      return undefined
  }
}

const OPENAI_USAGE = {
  prompt_tokens: INPUT,
  completion_tokens: WORDS.length,
  total_tokens: INPUT + WORDS.length,
  prompt_tokens_details: { cached_tokens: CACHED },
}
const TOOL = {
  index: 0,
  id: 'call_1',
  type: 'function',
  function: { name: 'weather', arguments: '{"city":"Paris"}' },
}
const ANTHROPIC_TOOL = { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Paris' } }

function responseOf(model: unknown, text: string) {
  const content = [{ type: 'output_text', text, annotations: [] }]
  return {
    id: `resp_${ID}`,
    object: 'response',
    created_at: 1,
    status: 'completed',
    model,
    output: [{ id: 'msg_1', type: 'message', role: 'assistant', status: 'completed', content }],
    parallel_tool_calls: true,
    tool_choice: 'auto',
    tools: [],
    usage: {
      input_tokens: INPUT,
      input_tokens_details: { cached_tokens: CACHED },
      output_tokens: WORDS.length,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: INPUT + WORDS.length,
    },
  }
}

function streamOf(path: string, body: Record<string, unknown>, isTool: boolean): string[] {
  if (path === '/v1/messages') return messageEvents(body['model'])
  if (path === '/v1/responses') return responseEvents(body['model'])
  const isChat = path === '/v1/chat/completions'
  const chunk = (choices: object[], usage?: object) =>
    `data: ${JSON.stringify({
      id: isChat ? `chatcmpl-${ID}` : `cmpl-${ID}`,
      object: isChat ? 'chat.completion.chunk' : 'text_completion',
      created: 1,
      model: body['model'],
      choices,
      ...(usage && { usage }),
    })}\n\n`
  const piece = (delta: object, finish_reason: string | null = null) =>
    chunk([isChat ? { index: 0, delta, finish_reason } : { index: 0, ...delta, finish_reason }])
  const wantsUsage = (body['stream_options'] as { include_usage?: boolean } | undefined)?.include_usage
  return [
    ...(isChat ? [piece({ role: 'assistant', content: '' })] : []),
    ...(isTool
      ? [piece({ tool_calls: [TOOL] })]
      : WORDS.map((word) => piece(isChat ? { content: word } : { text: word }))),
    piece(isChat ? {} : { text: '' }, isTool ? 'tool_calls' : 'stop'),
    ...(wantsUsage ? [chunk([], OPENAI_USAGE)] : []),
    'data: [DONE]\n\n',
  ]
}

function named(type: string, rest: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`
}

function messageEvents(model: unknown): string[] {
  const usage = { input_tokens: INPUT - CACHED, cache_read_input_tokens: CACHED, output_tokens: 1 }
  const message = { id: `msg_${ID}`, type: 'message', role: 'assistant', model, content: [], usage }
  return [
    named('message_start', { message: { ...message, stop_reason: null, stop_sequence: null } }),
    named('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    ...WORDS.map((text) => named('content_block_delta', { index: 0, delta: { type: 'text_delta', text } })),
    named('content_block_stop', { index: 0 }),
    named('message_delta', {
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: WORDS.length },
    }),
    named('message_stop', {}),
  ]
}

function responseEvents(model: unknown): string[] {
  const whole = responseOf(model, WORDS.join(''))
  const item = whole.output[0]
  const begun = { ...whole, status: 'in_progress', output: [], usage: null }
  const at = { item_id: 'msg_1', output_index: 0, content_index: 0 }
  const part = { type: 'output_text', text: '', annotations: [] }
  const events: [string, object][] = [
    ['response.created', { response: begun }],
    ['response.in_progress', { response: begun }],
    [
      'response.output_item.added',
      { output_index: 0, item: { ...item, status: 'in_progress', content: [] } },
    ],
    ['response.content_part.added', { ...at, part }],
    ...WORDS.map((delta): [string, object] => ['response.output_text.delta', { ...at, delta, logprobs: [] }]),
    ['response.output_text.done', { ...at, text: WORDS.join(''), logprobs: [] }],
    ['response.content_part.done', { ...at, part: { ...part, text: WORDS.join('') } }],
    ['response.output_item.done', { output_index: 0, item }],
    ['response.completed', { response: whole }],
  ]
  return events.map(([type, rest], sequence_number) => named(type, { sequence_number, ...rest }))
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
