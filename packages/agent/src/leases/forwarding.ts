import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { type Manifest, messageOf } from '@cloister/core'
import type { Executor } from '@cloister/executors'
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
  /** Once it is open. */
  at?: { workerPort: number; close(): void }
  readonly ended: AbortController
}

const MAX_CONNECTIONS = 1_024
const RETRY_MS = 500
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
      if (kept.some((opening) => isSame(port, opening))) continue
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
          close: await this[protocol](lease, service, port, { host, port: lent.workerPort }, trouble),
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
    service: string,
    port: number,
    at: { host: string; port: number },
    trouble: (error: Error) => void,
  ): Promise<() => void> {
    // Connections to containers, also those under way for somebody who hung up meanwhile: the server counts
    // its own alone.
    let inside = 0
    const server = createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => socket.destroy())
      const container = this.oneOf(lease, service)
      if (container === undefined || inside >= MAX_CONNECTIONS) return void socket.destroy()
      inside++
      this.parts.executor.connect(lease, container, port).then(
        (stream) => {
          stream.on('error', () => socket.destroy())
          stream.once('close', () => {
            inside--
            socket.destroy()
          })
          if (socket.destroyed) return void stream.destroy()
          socket.once('close', () => stream.destroy())
          socket.pipe(stream).pipe(socket)
        },
        () => {
          inside--
          socket.destroy()
        },
      )
    })
    server.maxConnections = MAX_CONNECTIONS
    server.listen(at.port, at.host)
    await once(server, 'listening')
    server.on('error', trouble)
    return () => void server.close()
  }

  /** Takes datagrams. Gives what ends it. */
  private async udp(
    lease: Hex,
    service: string,
    port: number,
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

function close({ at, ended }: Opening): void {
  ended.abort()
  at?.close()
}
