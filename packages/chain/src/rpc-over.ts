import { createTransport, HttpRequestError, RpcRequestError, type Transport } from 'viem'
import * as z from 'zod'

/** Of a way to send requests, such as the global `fetch`, what is needed here. */
type Send = (
  url: string,
  init: RequestInit,
) => Promise<{ status: number; body: AsyncIterable<Uint8Array> | null }>

const TIMEOUT_MS = 15_000
const MAX_ANSWER_BYTES = 10 * 1024 * 1024

const Answers = z.array(
  z.object({
    id: z.int(),
    result: z.unknown().optional(),
    error: z.object({ code: z.int(), message: z.string(), data: z.unknown().optional() }).optional(),
  }),
)

interface Call {
  body: { method: string; params?: unknown }
  resolve(result: unknown): void
  reject(error: Error): void
}

/**
 * A node's JSON-RPC interface over any way to send requests. What is asked in one turn goes out as one batch
 * (JSON-RPC 2.0, section 6).
 */
export function rpcOver(url: string, send: Send): Transport {
  let waiting: Call[] = []
  const flush = () => {
    const calls = waiting
    waiting = []
    answerAll(calls).catch((error) => {
      for (const { reject } of calls) reject(error)
    })
  }
  const answerAll = async (calls: Call[]) => {
    const body = calls.map((call, id) => ({ jsonrpc: '2.0', id, ...call.body }))
    const answers = await ask(url, send, body)
    for (const [id, call] of calls.entries()) {
      const answer = answers.find((one) => one.id === id)
      if (!answer) call.reject(new HttpRequestError({ url, body, details: 'A question has no answer.' }))
      else if (answer.error) call.reject(new RpcRequestError({ body: call.body, error: answer.error, url }))
      else call.resolve(answer.result)
    }
  }
  return ({ retryCount = 2, timeout = TIMEOUT_MS }) =>
    createTransport({
      key: 'http',
      name: 'JSON-RPC',
      type: 'http',
      retryCount,
      timeout,
      request: ({ method, params }): Promise<never> =>
        new Promise((resolve, reject) => {
          waiting.push({ body: { method, params }, resolve: resolve as Call['resolve'], reject })
          if (waiting.length === 1) setTimeout(flush, 0)
        }),
    })
}

async function ask(
  url: string,
  send: Send,
  body: Record<string, unknown>[],
): Promise<z.infer<typeof Answers>> {
  let status: number | undefined
  try {
    const response = await send(url, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: 'error',
    })
    status = response.status
    return Answers.parse(JSON.parse(await textOf(response.body)))
  } catch (error) {
    const cause = error instanceof Error ? error : new Error(String(error))
    throw new HttpRequestError({ url, body, cause, ...(status !== undefined && { status }) })
  }
}

async function textOf(body: AsyncIterable<Uint8Array> | null): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.length
    if (size > MAX_ANSWER_BYTES) throw new Error(`the node answered with more than ${MAX_ANSWER_BYTES} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}
