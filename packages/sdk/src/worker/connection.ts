import { connectPinned, DialAgent, fetchOver } from '@cloister/relay'
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
    const { agent, endpoint } = this
    return agent ? (url, init) => fetchOver(agent, endpoint, url, init) : (url, init) => fetch(url, init)
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
