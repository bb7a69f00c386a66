import { DialAgent, dialChecked, receiveOver, type Send, securePinned } from '@cloister/transport'
import type { AttestedKey, ConnectionParts } from './connection.ts'
import { urlAt } from './url.ts'

/**
 * How requests reach a worker. Over `https:` only connections whose key is the attested one are used,
 * whoever signed the certificate; over `http:`, for development, there is nothing to check. Its provider
 * named the address: it leads into private networks only where the network is a development one.
 */
export class WorkerConnection {
  readonly endpoint: string
  private readonly attestedKey: AttestedKey
  private readonly allowsInternal: boolean
  private dialer: DialAgent | undefined

  constructor({ endpoint, attestedKey, network }: ConnectionParts) {
    this.endpoint = endpoint.replace(/\/$/, '')
    this.attestedKey = attestedKey
    this.allowsInternal = network.development
  }

  /**
   * The URL of a path. Throws `forbidden-address` for an endpoint that is none, and `bad-request` for a path
   * that leads elsewhere.
   */
  urlOf(path: string): string {
    return urlAt(this.endpoint, path)
  }

  /** Like the global `fetch`, over these connections. */
  get send(): Send {
    const { agent, endpoint } = this
    return (url, init) => receiveOver(agent, endpoint, url, init)
  }

  /** What opens connections, for other protocols such as WebSockets too. */
  get agent(): DialAgent {
    this.dialer ??= new DialAgent(async () => {
      const url = new URL(this.endpoint)
      const secure = url.protocol === 'https:' ? securePinned(await this.attestedKey()) : undefined
      return dialChecked(url, { allowsInternal: this.allowsInternal }, secure)
    })
    return this.dialer
  }
}
