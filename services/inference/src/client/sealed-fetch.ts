import { CloisterError, pause, textOf } from '@cloister/core'
import { askSealed, type Question, type SealedAnswer } from './answer.ts'
import type { VerifiedEndpoint } from './endpoint.ts'

/** Headers that are between two machines, or that name who asks: they aren't sealed, and go nowhere. */
const LEFT_OUT = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'cookie',
  'host',
  'keep-alive',
  'origin',
  'referer',
  'te',
  'transfer-encoding',
  'upgrade',
  'user-agent',
])
const TAIL_BYTES = 1024
const DRAIN_MS = 2_000
/** The last event of a stream, as OpenAI and Anthropic have it. */
const LAST_EVENT = /^data: ?\[DONE\]|^event: ?(?:message_stop|response\.(?:completed|incomplete|failed))/m
const EMPTY = new Set([204, 205, 304])

/**
 * A request as `fetch` takes it, sealed to a verified endpoint; its answer as a `Response`, which streams.
 * Of the URL only the path counts, from `/v1/` on. Reading the body rejects with `not-sealed-for-us` where
 * it was cut off or changed. Throws what `askSealed` throws, and `bad-request`.
 */
export async function sealedFetch(
  endpoint: VerifiedEndpoint,
  url: string | URL | Request,
  init?: RequestInit,
): Promise<Response> {
  return responseOf(await askSealed(endpoint, await questionOf(url, init)))
}

/** What `fetch` was called with, as it is sealed. Throws `bad-request`. */
export async function questionOf(url: string | URL | Request, init?: RequestInit): Promise<Question> {
  const base = typeof url === 'string' && url.startsWith('/') ? `http://endpoint${url}` : url
  const request = new Request(base, init)
  const { pathname, search } = new URL(request.url)
  const at = pathname.indexOf('/v1/')
  const { method } = request
  if (at < 0 || (method !== 'GET' && method !== 'POST'))
    throw new CloisterError(
      'bad-request',
      `An endpoint is asked by GET or POST under /v1/, not ${method} ${pathname}.`,
    )
  const headers: Record<string, string> = {}
  for (const [name, value] of request.headers) if (!LEFT_OUT.has(name)) headers[name] = value
  return {
    method,
    path: pathname.slice(at) + search,
    headers,
    body: new Uint8Array(await request.arrayBuffer()),
    signal: request.signal,
  }
}

/** An answer as `fetch` gives it. */
export function responseOf({ status, headers, body, cancel }: SealedAnswer): Response {
  const given = new Headers()
  for (const [name, value] of Object.entries(headers))
    if (name !== 'content-length' && name !== 'content-encoding') given.set(name, value)
  if (EMPTY.has(status)) {
    cancel()
    return new Response(null, { status, headers: given })
  }
  const ending = new Ending()
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      try {
        const { done, value } = await body.next()
        if (done) controller.close()
        else {
          ending.saw(value)
          controller.enqueue(new Uint8Array(value))
        }
      } catch (error) {
        controller.error(error)
      }
    },
    // What is left then are the last bytes, without which nobody knows that the answer is whole.
    cancel: () => (ending.isNear ? void drain(body).finally(cancel) : cancel()),
  })
  return new Response(stream, { status, headers: given })
}

/** Whether a stream of events has said that it ends: clients read no further then. */
class Ending {
  private before = new Uint8Array()
  private last = new Uint8Array()

  saw(piece: Uint8Array): void {
    this.before = this.last
    this.last = new Uint8Array(piece.slice(-TAIL_BYTES))
  }

  get isNear(): boolean {
    return LAST_EVENT.test(textOf(this.before) + textOf(this.last))
  }
}

/** Reads what is left, for as long as last bytes take. */
async function drain(body: AsyncGenerator<Uint8Array>): Promise<void> {
  const until = Date.now() + DRAIN_MS
  const rest = async () => {
    for (let next = await body.next(); !next.done && Date.now() < until; next = await body.next());
  }
  const read = new AbortController()
  void rest().then(
    () => read.abort(),
    () => read.abort(),
  )
  await pause(DRAIN_MS, read.signal)
}
