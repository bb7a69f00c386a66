import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  type AddressLimits,
  answerOn,
  type Gathering,
  type Incoming,
  type Outgoing,
  type RequestHead,
  type Way,
} from '@cloister/transport'
import type { PlainDoor } from './domains/plain-door.ts'
import { type Door, show } from './door.ts'
import type { Home } from './home.ts'
import { Hosts } from './host.ts'
import type { InferenceDoor } from './inference/inference.ts'
import type { GatewayObserver } from './observer.ts'
import { PAGES } from './pages.ts'

/** What a reception is made of. */
export interface ReceptionParts {
  domain: string
  door: Door
  home: Home
  /** What is asked of models at the domain itself. */
  inference: InferenceDoor
  limits: AddressLimits
  observer: GatewayObserver
  /** Plain HTTP of tenants' domains, where that comes here. */
  plain?: PlainDoor | undefined
}

/** Receives requests: counts them by address, and sends each where its host says. */
export class Reception {
  private readonly parts: ReceptionParts
  private readonly hosts: Hosts

  constructor(parts: ReceptionParts) {
    this.parts = parts
    this.hosts = new Hosts(parts.domain)
  }

  handle(request: Incoming, response: Outgoing): void {
    const { limits, observer, home, door, plain } = this.parts
    const ended = observer.request()
    response.once('close', () => ended(statusOf(response)))
    const wait = limits.take(request.socket.remoteAddress)
    if (wait > 0) return show({ ...PAGES.many, retryAfter: wait }, request, response)
    const authority = request.headers[':authority'] ?? request.headers.host
    const wanted = this.hosts.read(typeof authority === 'string' ? authority : '')
    if (wanted === undefined && plain)
      return plain.request(typeof authority === 'string' ? authority : '', request, response)
    if (wanted === undefined) return show(PAGES.foreign, request, response)
    if (wanted === 'home') home.request(request, response)
    else door.request(wanted, request, response)
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { limits, observer, door } = this.parts
    const wait = limits.take(request.socket.remoteAddress)
    if (wait > 0) return show({ ...PAGES.many, retryAfter: wait }, request, answerOn(request, socket))
    const wanted = this.hosts.read(request.headers.host ?? '')
    if (wanted === undefined || wanted === 'home')
      return show(PAGES.unknown, request, answerOn(request, socket))
    socket.once('close', observer.upgrade())
    door.upgrade(wanted, request, socket, head)
  }

  /** The way of a request of the common shape; undefined for what `handle` answers. */
  find(head: RequestHead, client: Duplex): Way | Gathering | undefined | Promise<Way | undefined> {
    const { limits, door, inference } = this.parts
    const wanted = this.hosts.read(head.host)
    if (wanted === undefined) return undefined
    const address = (client as Socket).remoteAddress
    if (limits.take(address) > 0) return undefined
    if (wanted === 'home') return this.counted(inference.way(head, address), address)
    const way = door.way(wanted, head, address)
    return way instanceof Promise
      ? way.then((found) => this.counted(found, address))
      : this.counted(way, address)
  }

  /** What goes no direct way is counted by `handle`. */
  private counted<T extends Way | Gathering>(way: T | undefined, address: string | undefined): T | undefined {
    if (!way) this.parts.limits.giveBack(address)
    return way
  }
}

/** The status of an answer that has ended; 0 where none was begun. */
function statusOf(response: Outgoing): number {
  if (!response.headersSent) return 0
  return 'stream' in response ? Number(response.stream?.sentHeaders?.[':status'] ?? 0) : response.statusCode
}
