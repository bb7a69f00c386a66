import { type IncomingMessage, request as requestPlain } from 'node:http'
import { request as requestOverTls } from 'node:https'
import { Readable } from 'node:stream'
import type { DialAgent } from './dial.ts'
import type { Received } from './received.ts'
import { SAFE } from './request.ts'

/**
 * Statuses whose responses have no body (Fetch standard, section 2.2.3), and those that a response can have
 * at all.
 */
const EMPTY = new Set([204, 205, 304])
const LOWEST = 200
const HIGHEST = 599

/**
 * One request over connections that `agent` opens, as a `Response` with a streaming body; bodies sent are
 * text. `target` is what the agent dials. What changes nothing is sent again where a kept connection was
 * closed under it. Throws a TypeError as the global `fetch` does; redirects are errors unless
 * `init.redirect` is `manual`.
 */
export async function fetchOver(
  agent: DialAgent,
  target: string,
  url: string,
  init: RequestInit,
): Promise<Response> {
  const { answer, status } = await ask({ agent, target }, url, init)
  const headers = new Headers()
  for (const [name, value] of Object.entries(answer.headers))
    if (value !== undefined) headers.set(name, String(value))
  if (!EMPTY.has(status)) return new Response(Readable.toWeb(answer) as ReadableStream, { status, headers })
  answer.resume()
  return new Response(null, { status, headers })
}

/**
 * The same without the global `fetch`'s own client, which takes longer to read than a command has: of the
 * response there is what a client reads.
 */
export async function receiveOver(
  agent: DialAgent,
  target: string,
  url: string,
  init: RequestInit,
): Promise<Received> {
  return received(await ask({ agent, target }, url, init))
}

/**
 * A request to an `http:` or `https:` URL, as the system resolves and trusts it; see `receiveOver`. Throws
 * what the connection throws.
 *
 * @example
 * ```ts
 * import { createCloister, readNetwork } from '@cloister/sdk'
 * import { send } from '@cloister/sdk/node'
 *
 * const cloister = createCloister({ network: readNetwork(description), account, send })
 * ```
 */
export async function receive(url: string, init: RequestInit): Promise<Received> {
  return received(await ask({ protocol: new URL(url).protocol }, url, init))
}

function received({ answer, status }: Asked): Received {
  if (EMPTY.has(status)) answer.resume()
  return {
    ok: status >= 200 && status < 300,
    status,
    headers: { get: (name) => headerOf(answer, name) },
    body: EMPTY.has(status)
      ? null
      : {
          [Symbol.asyncIterator]: () => answer[Symbol.asyncIterator](),
          cancel: async () => void answer.destroy(),
        },
  }
}

function headerOf({ headers }: IncomingMessage, name: string): string | null {
  const value = headers[name.toLowerCase()]
  return value === undefined ? null : String(value)
}

interface Asked {
  answer: IncomingMessage
  status: number
}

async function ask(
  over: { agent: DialAgent; target: string } | { protocol: string },
  url: string,
  init: RequestInit,
): Promise<Asked> {
  const { pathname, search, host, hostname, port } = new URL(url)
  const { method = 'GET', body, signal } = init
  const isSendable = typeof body === 'string' || body instanceof Uint8Array
  if (body !== undefined && body !== null && !isSendable) throw new TypeError('only text and bytes are sent')
  const sent = { host, ...plain(init.headers) }
  const options = {
    ...('protocol' in over
      ? { protocol: over.protocol, hostname: hostname.replace(/^\[|\]$/g, ''), port: port || undefined }
      : over),
    method,
    path: pathname + search,
    headers: sent,
    setHost: false,
    ...(signal && { signal }),
  }
  const request = 'protocol' in over && over.protocol === 'https:' ? requestOverTls : requestPlain
  const send = (mayRepeat: boolean): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const outgoing = request(options)
      outgoing.once('response', resolve)
      // Nobody asked for another protocol; without a listener the question would stay without an answer.
      outgoing.once('upgrade', (answer, socket) => {
        socket.destroy()
        reject(
          new TypeError('fetch failed', { cause: new Error(`it answered with status ${answer.statusCode}`) }),
        )
      })
      outgoing.on('error', (cause) => {
        if (mayRepeat && outgoing.reusedSocket && !signal?.aborted) send(false).then(resolve, reject)
        else reject(new TypeError('fetch failed', { cause }))
      })
      outgoing.end(body ?? undefined)
    })
  const answer = await send(SAFE.has(method))
  const status = answer.statusCode ?? 0
  const refuse = (reason: string): never => {
    answer.destroy()
    throw new TypeError('fetch failed', { cause: new Error(reason) })
  }
  if (status < LOWEST || status > HIGHEST) refuse(`it answered with status ${status}`)
  if (status >= 300 && status < 400 && status !== 304 && init.redirect !== 'manual') refuse('it redirects')
  return { answer, status }
}

/** Headers as Node sends them. */
function plain(headers: RequestInit['headers']): Record<string, string> {
  if (headers === undefined) return {}
  const pairs = Symbol.iterator in headers ? [...headers] : Object.entries(headers)
  return Object.fromEntries(pairs.map(([name, value]) => [String(name).toLowerCase(), String(value)]))
}
