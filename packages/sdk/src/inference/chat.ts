import { CloisterError, utf8 } from '@cloister/core'
import type { SealedAnswer } from '@cloister/inference/client'
import { readBody } from '@cloister/transport/web'
import type { ConfidentialModels } from './confidential-models.ts'

const MOST_ERROR_BYTES = 64 * 1024
const MOST_LINE_CHARACTERS = 1024 * 1024

/** What was said in a conversation. */
export interface ChatMessage {
  role: 'system' | 'user' | 'assistant'
  content: string
}

export interface AskedChat {
  model: string
  messages: readonly ChatMessage[]
  signal?: AbortSignal | undefined
}

/**
 * Asks a model in confidence, and gives its answer piece by piece as text. Throws what the endpoint's error
 * says, and `not-sealed-for-us` where the answer was cut off or changed.
 *
 * @example
 * ```ts
 * import { models } from '@cloister/sdk'
 *
 * const client = models.confidential(cloister, { model: 'qwen3-8b', apiKey: 'sk-clo-…' })
 * const messages = [{ role: 'user' as const, content: 'The capital of France?' }]
 * for await (const text of models.chat(client, { model: 'qwen3-8b', messages })) console.log(text)
 * ```
 */
export function chat(client: ConfidentialModels, asked: AskedChat): AsyncGenerator<string> {
  return answered(client, asked)
}

async function* answered(
  client: ConfidentialModels,
  { model, messages, signal }: AskedChat,
): AsyncGenerator<string> {
  const answer = await client.ask({
    method: 'POST',
    path: '/v1/chat/completions',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: utf8(JSON.stringify({ model, messages, stream: true, stream_options: { include_usage: true } })),
    signal,
  })
  if (answer.status !== 200) throw await errorOf(answer)
  let isWhole = false
  try {
    for await (const data of eventsIn(answer.body)) {
      if (data === '[DONE]') continue
      const text = textIn(data)
      if (text !== '') yield text
    }
    isWhole = true
  } finally {
    if (!isWhole) answer.cancel()
  }
}

/** Data of server-sent events (HTML standard, section 9.2). */
async function* eventsIn(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let waiting = ''
  for await (const piece of body) {
    waiting += decoder.decode(piece, { stream: true })
    const lines = waiting.split(/\r?\n/)
    waiting = lines.pop() ?? ''
    if (waiting.length > MOST_LINE_CHARACTERS)
      throw new CloisterError('bad-answer', 'A line of the answer is too long.')
    for (const line of lines) if (line.startsWith('data:')) yield line.slice(5).trim()
  }
}

/** The text in a piece of an answer. Throws `bad-answer` for an error in the middle of it. */
function textIn(data: string): string {
  let said: { choices?: { delta?: { content?: unknown } }[]; error?: { message?: unknown } }
  try {
    said = JSON.parse(data)
  } catch (cause) {
    throw new CloisterError('bad-answer', 'A piece of the answer is not JSON.', { cause })
  }
  if (said?.error) throw new CloisterError('bad-answer', `The endpoint broke off: ${said.error.message}`)
  const text = said?.choices?.[0]?.delta?.content
  return typeof text === 'string' ? text : ''
}

/** What an endpoint says in place of an answer, in OpenAI's form. */
async function errorOf({ status, body }: SealedAnswer): Promise<CloisterError> {
  const text = new TextDecoder().decode(await readBody(body, MOST_ERROR_BYTES))
  const code =
    status === 402 ? 'no-money' : status === 401 ? 'unauthorized' : status === 429 ? 'too-many' : 'bad-answer'
  let message = `it answered with status ${status}`
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } }
    if (typeof error?.message === 'string') message = error.message.slice(0, 2_000)
  } catch {
    // What it says is no JSON: its status has to do.
  }
  return new CloisterError(code, `The endpoint refuses: ${message.replace(/\.$/, '')}.`, {
    details: { status },
    ...((code === 'no-money' || code === 'unauthorized') && {
      hint: { do: 'make-api-key' } as const,
    }),
  })
}
