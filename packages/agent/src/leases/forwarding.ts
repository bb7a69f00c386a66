import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { type Manifest, messageOf } from '@cloister/core'
import type { Executor } from '@cloister/executors'
import type { Hex } from 'viem'
import type { Log } from '../log.ts'
import type { Store } from '../store.ts'
import { exposedTcp } from './plan.ts'

/** A TCP port of a service and the worker's port that leads to it. */
export interface Forward {
  service: string
  port: number
  workerPort: number
}

/** A forward from when it is wanted until it isn't. */
interface Opening {
  service: string
  port: number
  /** Once it is open. */
  at?: { workerPort: number; server: Server }
  readonly ended: AbortController
}

const MAX_CONNECTIONS = 1_024
const RETRY_MS = 500
/** Tries, `RETRY_MS` apart, at a port whose address a tenant may know already, before another one is taken. */
const TRIES_AT_KNOWN = 20

/** Lends ports of the worker to services that open TCP ports to the outside. A port that somebody else holds is passed over. */
export class Forwarding {
  private readonly parts: {
    executor: Pick<Executor, 'connect'>
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
    return (this.openings.get(lease) ?? []).flatMap(({ service, port, at }) => (at ? [{ service, port, workerPort: at.workerPort }] : []))
  }

  /** Opens what a manifest asks for and closes what it doesn't any more. */
  arrange(lease: Hex, manifest: Manifest): void {
    const wanted = exposedTcp(manifest)
    const present = this.openings.get(lease) ?? []
    const kept = present.filter((opening) => wanted.some(({ service, port }) => service === opening.service && port === opening.port))
    for (const opening of present) if (!kept.includes(opening)) close(opening)
    for (const { service, port } of wanted) {
      if (kept.some((opening) => opening.service === service && opening.port === port)) continue
      const opening: Opening = { service, port, ended: new AbortController() }
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
    const { service, port, ended } = opening
    const busy = new Set<number>()
    let told = ''
    for (let tries = 1; !ended.signal.aborted; tries++) {
      let lent: ReturnType<Store['portFor']>
      try {
        lent = store.portFor(lease, service, port, range, busy)
        if (!lent) throw new Error(`no port from ${range.first} to ${range.last} is left`)
        const server = this.server(lease, service, port)
        server.listen(lent.workerPort, host)
        await once(server, 'listening')
        server.on('error', (error) => log('warn', 'a forwarded port has trouble', { lease, service, port, error: error.message }))
        opening.at = { workerPort: lent.workerPort, server }
        if (ended.signal.aborted) server.close()
        return
      } catch (error) {
        const why = messageOf(error)
        if (why !== told) log('warn', 'a port can not be forwarded', { lease, service, port, workerPort: lent?.workerPort, error: why })
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

  private server(lease: Hex, service: string, port: number): Server {
    const server = createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => socket.destroy())
      const ready = this.parts.ready(lease, service)
      const container = ready[Math.floor(Math.random() * ready.length)]
      if (container === undefined) return void socket.destroy()
      this.parts.executor.connect(lease, container, port).then(
        (stream) => {
          stream.on('error', () => socket.destroy())
          stream.once('close', () => socket.destroy())
          socket.once('close', () => stream.destroy())
          socket.pipe(stream).pipe(socket)
        },
        () => socket.destroy(),
      )
    })
    server.maxConnections = MAX_CONNECTIONS
    return server
  }
}

function close({ at, ended }: Opening): void {
  ended.abort()
  at?.server.close()
}
