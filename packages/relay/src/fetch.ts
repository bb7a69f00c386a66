import { type IncomingMessage, request } from 'node:http'
import { Readable } from 'node:stream'
import type { DialAgent } from './dial.ts'
import { SAFE } from './request.ts'

/**
 * One request over connections that `agent` opens, as a `Response` with a streaming body; bodies sent are text. `target` is
 * what the agent dials. What changes nothing is sent again where a kept connection was closed under it. Throws a TypeError as the
 * global `fetch` does; redirects are errors unless `init.redirect` is `manual`.
 */
export async function fetchOver(agent: DialAgent, target: string, url: string, init: RequestInit): Promise<Response> {
  const { pathname, search, host } = new URL(url)
  const { method = 'GET', body, signal } = init
  if (body !== undefined && body !== null && typeof body !== 'string') throw new TypeError('only text is sent')
  const sent = Object.fromEntries(new Headers({ host, ...(init.headers as Record<string, string>) }))
  const options = { agent, target, method, path: pathname + search, headers: sent, setHost: false, ...(signal && { signal }) }
  const ask = (mayRepeat: boolean): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const outgoing = request(options)
      outgoing.once('response', resolve)
      outgoing.once('error', (cause) => {
        if (mayRepeat && outgoing.reusedSocket && !signal?.aborted) ask(false).then(resolve, reject)
        else reject(new TypeError('fetch failed', { cause }))
      })
      outgoing.end(body ?? undefined)
    })
  const answer = await ask(SAFE.has(method))
  const status = answer.statusCode ?? 502
  if (status >= 300 && status < 400 && status !== 304 && init.redirect !== 'manual') {
    answer.resume()
    throw new TypeError('fetch failed', { cause: new Error('it redirects') })
  }
  const headers = new Headers()
  for (const [name, value] of Object.entries(answer.headers)) if (value !== undefined) headers.set(name, String(value))
  const empty = status === 204
  if (empty) answer.resume()
  return new Response(empty ? null : (Readable.toWeb(answer) as ReadableStream), { status, headers })
}
