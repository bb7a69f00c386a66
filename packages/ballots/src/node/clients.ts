import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { isIP } from 'node:net'
import { type AddressLimits, Announcers, receiveConnection, takeReader } from '@cloister/transport'

/** Who may say whose a request is: addresses (`192.0.2.7`) and networks (`192.0.2.0/24`). */
export interface ProxySettings {
  /** Proxies that add the client's address to `x-forwarded-for`, as nginx and Caddy do over HTTP. */
  forwardedBy?: readonly string[]
  /** Load balancers that begin connections with the PROXY protocol. */
  proxyProtocolFrom?: readonly string[]
}

/** More addresses than any chain of proxies has. */
const MOST_HOPS = 32

/**
 * Tells clients apart, also behind proxies that were named. What anybody else says of itself is never read.
 * Throws `bad-option` for what is no address or network.
 */
export class Clients {
  private readonly proxies: Announcers
  private readonly announcers: Announcers | undefined

  constructor({ forwardedBy = [], proxyProtocolFrom = [] }: ProxySettings) {
    this.proxies = new Announcers(forwardedBy)
    this.announcers = proxyProtocolFrom.length > 0 ? new Announcers(proxyProtocolFrom) : undefined
  }

  /** Counts the connections of each client; those of a proxy are everybody's. */
  guard(server: Server, limits: AddressLimits): void {
    const read = takeReader(server, 'connection')
    server.on('connection', (socket: Socket) => {
      if (this.proxies.trusts(socket.remoteAddress)) return read(socket)
      receiveConnection(socket, { limits, announcers: this.announcers }, () => read(socket))
    })
  }

  /**
   * Whose a request is. Of what a proxy says, the last address counts that is no proxy's: it is what the
   * outermost of them saw, and all before it is the client's own word.
   */
  of(remoteAddress: string | undefined, forwardedFor: string | undefined): string | undefined {
    if (forwardedFor === undefined || !this.proxies.trusts(remoteAddress)) return remoteAddress
    let last = remoteAddress
    for (const hop of forwardedFor.split(',').slice(-MOST_HOPS).reverse()) {
      const address = hop.trim()
      // What is no address leaves the request with the proxy that said so.
      if (isIP(address) === 0) return last
      last = address
      if (!this.proxies.trusts(address)) return address
    }
    return last
  }
}
