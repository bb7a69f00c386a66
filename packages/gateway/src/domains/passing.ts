import type { Socket } from 'node:net'
import type { LeaseRecord } from '@cloister/core'
import {
  type AddressLimits,
  AUTHORITY,
  LEASE_VALUE,
  type MuxStream,
  writeProxyHeader,
} from '@cloister/transport'
import { targetOf } from '../dial.ts'
import type { Groups } from '../groups/groups.ts'
import type { GatewayObserver } from '../observer.ts'
import type { DomainFinder } from './finder.ts'
import { alert, readHello } from './hello.ts'
import type { Shares } from './shares.ts'

const KEEP_ALIVE_MS = 60_000

/** What passing is made of. */
export interface PassingParts {
  finder: Pick<DomainFinder, 'find'>
  groups: Pick<Groups, 'reached'>
  limits: AddressLimits
  /** How many connections addresses have to each lease. */
  shares: Shares
  /** A stream to the worker of a lease; undefined where it takes none. */
  stream(target: string): Promise<MuxStream | undefined>
  observer: GatewayObserver
}

/**
 * Passes TLS of tenants' own domains on to the workers of their leases, as it is: the key is there, so
 * nothing of it can be read here but the name that a client asks for.
 */
export class Passing {
  private readonly parts: PassingParts

  constructor(parts: PassingParts) {
    this.parts = parts
  }

  /** Takes a connection that may be for a domain; `own` says which names are the gateway's, for `take`. */
  receive(socket: Socket, own: (name: string | undefined) => boolean, take?: () => void): void {
    readHello(socket, (name) => {
      if (take && own(name)) return take()
      if (name === undefined || own(name)) return alert(socket, 'unknown')
      if (this.parts.limits.take(socket.remoteAddress) > 0) return void socket.destroy()
      this.pass(socket, name).catch(() => socket.destroy())
    })
  }

  private async pass(socket: Socket, name: string): Promise<void> {
    const abandon = () => socket.destroy()
    socket.on('error', abandon)
    const { finder, groups } = this.parts
    const found = await finder.find(name)
    // Nothing was sent yet, so that another member may take what one doesn't.
    const wish = { address: socket.remoteAddress ?? '', tried: new Set<string>() }
    const lease = found?.replica === undefined ? found : await groups.reached(found, wish)
    if (socket.destroyed) return
    if (!lease?.endpoint.startsWith('https:')) return alert(socket, 'unknown')
    const giveBack = this.parts.shares.take(lease.lease, socket.remoteAddress)
    if (!giveBack) return void socket.destroy()
    socket.once('close', giveBack)
    const stream = await this.parts.stream(targetOf(lease))
    if (!stream) return alert(socket, 'unknown')
    if (socket.destroyed) return void stream.destroy()
    const ended = this.parts.observer.passed()
    socket.once('close', () => {
      ended()
      stream.destroy()
    })
    stream.once('close', abandon)
    socket.setKeepAlive(true, KEEP_ALIVE_MS).setNoDelay(true)
    stream.write(headerOf(socket, name, lease))
    socket.pipe(stream).pipe(socket)
  }
}

/** Tells the worker for which lease and name a connection is, and whose it is. */
function headerOf(socket: Socket, name: string, lease: LeaseRecord): Buffer {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  const endOf = (address: string | undefined, port: number | undefined) =>
    address === undefined ? undefined : { address, port: port ?? 0 }
  return writeProxyHeader(
    'v2',
    endOf(remoteAddress, remotePort),
    endOf(localAddress, localPort),
    new Map([
      [AUTHORITY, Buffer.from(name, 'latin1')],
      [LEASE_VALUE, Buffer.from(lease.lease.slice(2), 'hex')],
    ]),
  )
}
