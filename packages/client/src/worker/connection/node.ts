import type { Socket } from 'node:net'
import { DialAgent, dialChecked, receiveOver, type Send, securePinned } from '@cloister/transport'
import { requireTls } from '../require-tls.ts'
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
  private readonly network: ConnectionParts['network']
  /** Whose connections are used where they are held to the same key. */
  private readonly beside: WorkerConnection | undefined
  private dialer: DialAgent | undefined
  private kept: DialAgent | undefined

  /**
   * @param beside Another to the same endpoint: a connection of its that is held to the key that this one
   * demands need not be opened a second time.
   */
  constructor({ endpoint, attestedKey, network }: ConnectionParts, beside?: WorkerConnection) {
    this.endpoint = endpoint.replace(/\/$/, '')
    this.attestedKey = attestedKey
    this.network = network
    this.beside = beside?.endpoint === this.endpoint ? beside : undefined
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
    return async (url, init) => receiveOver(this.pool, await this.keyHash(), url, init)
  }

  /** What opens connections for other protocols, such as WebSockets. */
  get agent(): DialAgent {
    this.dialer ??= new DialAgent(async () => this.dial(await this.keyHash()))
    return this.dialer
  }

  /** Connections that are kept, by the key that each is held to. */
  private get pool(): DialAgent {
    if (this.beside) return this.beside.pool
    this.kept ??= new DialAgent((keyHash) => this.dial(keyHash))
    return this.kept
  }

  /**
   * The key that a connection has to be held to; empty over `http:`, where there is none. Throws
   * `not-attested` for that outside of development networks: a provider may rename its endpoint at any time.
   */
  private async keyHash(): Promise<string> {
    requireTls(this.network, this.endpoint)
    return this.isSecure ? this.attestedKey() : ''
  }

  private dial(keyHash: string): Promise<Socket> {
    const secure = this.isSecure ? securePinned(keyHash) : undefined
    return dialChecked(new URL(this.endpoint), { allowsInternal: this.network.development }, secure)
  }

  private get isSecure(): boolean {
    return new URL(this.endpoint).protocol === 'https:'
  }
}
