import { type IncomingMessage, request } from 'node:http'
import { Readable } from 'node:stream'
import { CloisterError } from '@cloister/core'
import { connectPinned, DialAgent } from '@cloister/relay'
import type { Hex } from 'viem'

/** The key that a worker's TLS has to be for: known already, or found out when first needed. */
export type AttestedKey = () => Promise<Hex>

/**
 * How requests reach a worker. Over `https:` only connections whose key is the attested one are used, whoever signed the
 * certificate; over `http:`, for development, there is nothing to check.
 */
export class WorkerConnection {
  readonly endpoint: string
  private readonly attestedKey: AttestedKey
  private dialer: DialAgent | undefined

  constructor(endpoint: string, attestedKey: AttestedKey) {
    this.endpoint = endpoint.replace(/\/$/, '')
    this.attestedKey = attestedKey
  }

  /** Like the global `fetch`. */
  get fetch(): (url: string, init: RequestInit) => Promise<Response> {
    const { agent } = this
    return agent ? (url, init) => fetchOver(agent, url, init) : (url, init) => fetch(url, init)
  }

  /** What opens connections for other protocols, such as WebSockets; undefined over `http:`. */
  get agent(): DialAgent | undefined {
    if (!this.endpoint.startsWith('https:')) return undefined
    this.dialer ??= new DialAgent(async () => {
      const { hostname, port } = new URL(this.endpoint)
      return connectPinned({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 443) }, await this.attestedKey())
    })
    return this.dialer
  }
}

/** One request over connections that `agent` opens, as a `Response` with a streaming body. */
async function fetchOver(agent: DialAgent, url: string, init: RequestInit): Promise<Response> {
  const { pathname, search, host } = new URL(url)
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = Object.fromEntries(new Headers({ host, ...(init.headers as Record<string, string>) }))
    const { method = 'GET', body, signal } = init
    if (body !== undefined && body !== null && typeof body !== 'string') throw new TypeError('only text is sent to workers')
    const options = { agent, target: host, method, path: pathname + search, headers, setHost: false, ...(signal && { signal }) }
    const outgoing = request(options)
    outgoing.once('response', resolve)
    outgoing.once('error', (cause) => reject(new TypeError('fetch failed', { cause })))
    outgoing.end(body ?? undefined)
  })
  const status = answer.statusCode ?? 502
  if (status >= 300 && status < 400) throw new CloisterError('bad-answer', 'A worker does not redirect.')
  const headers = new Headers()
  for (const [name, value] of Object.entries(answer.headers)) if (value !== undefined) headers.set(name, String(value))
  const empty = status === 204 || status === 304
  if (empty) answer.resume()
  return new Response(empty ? null : (Readable.toWeb(answer) as ReadableStream), { status, headers })
}
