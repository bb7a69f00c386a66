import { type IncomingMessage, request } from 'node:http'
import { Readable } from 'node:stream'
import type { DialAgent } from './dial.ts'
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
  const { pathname, search, host } = new URL(url)
  const { method = 'GET', body, signal } = init
  if (body !== undefined && body !== null && typeof body !== 'string')
    throw new TypeError('only text is sent')
  const sent = Object.fromEntries(new Headers({ host, ...(init.headers as Record<string, string>) }))
  const options = {
    agent,
    target,
    method,
    path: pathname + search,
    headers: sent,
    setHost: false,
    ...(signal && { signal }),
  }
  const ask = (mayRepeat: boolean): Promise<IncomingMessage> =>
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
        if (mayRepeat && outgoing.reusedSocket && !signal?.aborted) ask(false).then(resolve, reject)
        else reject(new TypeError('fetch failed', { cause }))
      })
      outgoing.end(body ?? undefined)
    })
  const answer = await ask(SAFE.has(method))
  const status = answer.statusCode ?? 0
  const refuse = (reason: string): never => {
    answer.destroy()
    throw new TypeError('fetch failed', { cause: new Error(reason) })
  }
  if (status < LOWEST || status > HIGHEST) refuse(`it answered with status ${status}`)
  if (status >= 300 && status < 400 && status !== 304 && init.redirect !== 'manual') refuse('it redirects')
  const headers = new Headers()
  for (const [name, value] of Object.entries(answer.headers))
    if (value !== undefined) headers.set(name, String(value))
  if (!EMPTY.has(status)) return new Response(Readable.toWeb(answer) as ReadableStream, { status, headers })
  answer.resume()
  return new Response(null, { status, headers })
}
