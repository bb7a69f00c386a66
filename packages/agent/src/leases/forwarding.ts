import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { type Manifest, messageOf } from '@cloister/core'
import type { Executor } from '@cloister/executors'
import { type End, writeProxyHeader } from '@cloister/transport'
import type { Hex } from 'viem'
import type { Log } from '../log.ts'
import type { Store } from '../store.ts'
import { DatagramForward } from './datagram-forward.ts'
import { exposedPorts } from './exposed.ts'

/** A port of a service and the worker's port that leads to it. */
export interface Forward {
  service: string
  port: number
  protocol: 'tcp' | 'udp'
  workerPort: number
}

/** A forward from when it is wanted until it isn't. */
interface Opening {
  service: string
  port: number
  protocol: 'tcp' | 'udp'
  /** How connections to containers begin. */
  proxy?: 'v1' | 'v2' | undefined
  /** Once it is open. */
  at?: { workerPort: number; close(): void }
  readonly ended: AbortController
}

const MAX_CONNECTIONS = 1_024
const RETRY_MS = 500
const NOTHING = Buffer.alloc(0)
/**
 * Tries, `RETRY_MS` apart, at a port whose address a tenant may know already, before another one is taken.
 */
const TRIES_AT_KNOWN = 20

/**
 * Lends ports of the worker to services that open TCP or UDP ports to the outside. A port that somebody else
 * holds is passed over.
 */
export class Forwarding {
  private readonly parts: {
    executor: Pick<Executor, 'connect' | 'datagrams'>
    store: Pick<Store, 'portFor'>
    range: { first: number; last: number }
    host: string
    log: Log
    ready: (lease: Hex, service: string) => string[]
  }
  private readonly openings = new Map<Hex, Opening[]>()
  /** Connections to containers that were passed on, by lease. */
  private readonly passed = new Map<Hex, { count: number }>()

  constructor(parts: Forwarding['parts']) {
    this.parts = parts
  }

  /** The forwards of a lease that are open. */
  of(lease: Hex): Forward[] {
    return (this.openings.get(lease) ?? []).flatMap(({ service, port, protocol, at }) =>
      at ? [{ service, port, protocol, workerPort: at.workerPort }] : [],
    )
  }

  /** Opens what a manifest asks for and closes what it doesn't any more. */
  arrange(lease: Hex, manifest: Manifest): void {
    const wanted = exposedPorts(manifest)
    const isSame = (one: ReturnType<typeof exposedPorts>[number], other: typeof one) =>
      one.service === other.service && one.port === other.port && one.protocol === other.protocol
    const present = this.openings.get(lease) ?? []
    const kept = present.filter((opening) => wanted.some((port) => isSame(port, opening)))
    for (const opening of present) if (!kept.includes(opening)) close(opening)
    for (const port of wanted) {
      const there = kept.find((opening) => isSame(port, opening))
      if (there) {
        there.proxy = port.proxy
        continue
      }
      const opening: Opening = { ...port, ended: new AbortController() }
      kept.push(opening)
      void this.open(lease, opening)
    }
    this.openings.set(lease, kept)
  }

  /** Closes a lease's ports. */
  end(lease: Hex): void {
    for (const opening of this.openings.get(lease) ?? []) close(opening)
    this.openings.delete(lease)
    this.passed.delete(lease)
  }

  endAll(): void {
    for (const lease of [...this.openings.keys()]) this.end(lease)
  }

  /** Tries until a port is open, or nobody wants it any more. */
  private async open(lease: Hex, opening: Opening): Promise<void> {
    const { store, range, host, log } = this.parts
    const { service, port, protocol, ended } = opening
    const busy = new Set<number>()
    let told = ''
    for (let tries = 1; !ended.signal.aborted; tries++) {
      let lent: ReturnType<Store['portFor']>
      try {
        // No service has a name with a slash.
        lent = store.portFor(lease, protocol === 'udp' ? `${service}/udp` : service, port, range, busy)
        if (!lent) throw new Error(`no port from ${range.first} to ${range.last} is left`)
        const trouble = (error: Error) =>
          log('warn', 'a forwarded port has trouble', { lease, service, port, error: error.message })
        opening.at = {
          workerPort: lent.workerPort,
          close: await this[protocol](lease, opening, { host, port: lent.workerPort }, trouble),
        }
        if (ended.signal.aborted) opening.at.close()
        return
      } catch (error) {
        const why = messageOf(error)
        if (why !== told)
          log('warn', 'a port can not be forwarded', {
            lease,
            service,
            port,
            workerPort: lent?.workerPort,
            error: why,
          })
        told = why
        if (lent && !(lent.isKnown && tries < TRIES_AT_KNOWN)) {
          busy.add(lent.workerPort)
          continue
        }
        // What was busy may be free again.
        if (!lent) busy.clear()
        await delay(RETRY_MS, undefined, { signal: ended.signal, ref: false }).catch(() => {})
      }
    }
  }

  /** Listens for connections. Gives what ends it. */
  private async tcp(
    lease: Hex,
    opening: Opening,
    at: { host: string; port: number },
    trouble: (error: Error) => void,
  ): Promise<() => void> {
    const inside = { count: 0 }
    const server = createServer({ noDelay: true }, (socket) => {
      const { remoteAddress = '', remotePort = 0 } = socket
      this.join({ lease, ...opening }, socket, { address: remoteAddress, port: remotePort }, inside)
    })
    server.maxConnections = MAX_CONNECTIONS
    server.listen(at.port, at.host)
    await once(server, 'listening')
    server.on('error', trouble)
    return () => void server.close()
  }

  /**
   * Joins a connection to a container of a service that takes requests. Where the manifest asks for it, it
   * begins with the client's address. `inside` counts connections to containers, also those under way for
   * somebody who hung up meanwhile.
   */
  join(
    to: { lease: Hex; service: string; port: number; proxy?: 'v1' | 'v2' | undefined },
    socket: Duplex,
    client: End | undefined,
    inside: { count: number } = this.passedTo(to.lease),
    first: Buffer = NOTHING,
  ): void {
    const { lease, service, port, proxy } = to
    socket.on('error', () => socket.destroy())
    const container = this.oneOf(lease, service)
    if (container === undefined || inside.count >= MAX_CONNECTIONS) return void socket.destroy()
    inside.count++
    this.parts.executor.connect(lease, container, port).then(
      (stream) => {
        stream.on('error', () => socket.destroy())
        stream.once('close', () => {
          inside.count--
          socket.destroy()
        })
        if (socket.destroyed) return void stream.destroy()
        socket.once('close', () => stream.destroy())
        if (proxy) stream.write(writeProxyHeader(proxy, client, serverOf(socket, client)))
        if (first.length > 0) stream.write(first)
        socket.pipe(stream).pipe(socket)
      },
      () => {
        inside.count--
        socket.destroy()
      },
    )
  }

  private passedTo(lease: Hex): { count: number } {
    const passed = this.passed.get(lease) ?? { count: 0 }
    this.passed.set(lease, passed)
    return passed
  }

  /** Takes datagrams. Gives what ends it. */
  private async udp(
    lease: Hex,
    { service, port }: Opening,
    at: { host: string; port: number },
    trouble: (error: Error) => void,
  ): Promise<() => void> {
    const forward = new DatagramForward(async (receive) => {
      const container = this.oneOf(lease, service)
      return container === undefined
        ? undefined
        : this.parts.executor.datagrams(lease, container, port, receive)
    }, trouble)
    await forward.listen(at.host, at.port)
    return () => forward.close()
  }

  private oneOf(lease: Hex, service: string): string | undefined {
    const ready = this.parts.ready(lease, service)
    return ready[Math.floor(Math.random() * ready.length)]
  }
}

/** The end of a connection that a client has reached; one that was passed on here doesn't know of it. */
function serverOf(socket: Duplex, client: End | undefined): End {
  const { localAddress, localPort } = socket as Partial<Socket>
  const unspecified = client?.address.includes(':') ? '::' : '0.0.0.0'
  return { address: localAddress ?? unspecified, port: localPort ?? 0 }
}

function close({ at, ended }: Opening): void {
  ended.abort()
  at?.close()
}
