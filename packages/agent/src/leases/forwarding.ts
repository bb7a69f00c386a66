import { createServer, type Server } from 'node:net'
import type { Manifest } from '@cloister/core'
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

const MAX_CONNECTIONS = 1_024

/** Lends ports of the worker to services that open TCP ports to the outside. */
export class Forwarding {
  private readonly parts: {
    executor: Executor
    store: Store
    range: { first: number; last: number }
    host: string
    log: Log
    ready: (lease: Hex, service: string) => string[]
  }
  private readonly servers = new Map<Hex, (Forward & { server: Server })[]>()

  constructor(parts: Forwarding['parts']) {
    this.parts = parts
  }

  of(lease: Hex): Forward[] {
    return (this.servers.get(lease) ?? []).map(({ service, port, workerPort }) => ({ service, port, workerPort }))
  }

  /** Opens what a manifest asks for and closes what it doesn't any more. */
  arrange(lease: Hex, manifest: Manifest): void {
    const wanted = exposedTcp(manifest)
    const open = this.servers.get(lease) ?? []
    const kept = open.filter((forward) => wanted.some(({ service, port }) => service === forward.service && port === forward.port))
    for (const forward of open) if (!kept.includes(forward)) forward.server.close()
    for (const { service, port } of wanted) {
      if (kept.some((forward) => forward.service === service && forward.port === port)) continue
      const workerPort = this.parts.store.portFor(lease, service, port, this.parts.range)
      if (workerPort === undefined) this.parts.log('warn', 'no port is left to forward', { lease, service, port })
      else kept.push({ service, port, workerPort, server: this.listen(lease, service, port, workerPort) })
    }
    this.servers.set(lease, kept)
  }

  /** Closes a lease's ports. */
  end(lease: Hex): void {
    for (const { server } of this.servers.get(lease) ?? []) server.close()
    this.servers.delete(lease)
  }

  endAll(): void {
    for (const lease of [...this.servers.keys()]) this.end(lease)
  }

  private listen(lease: Hex, service: string, port: number, workerPort: number): Server {
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
    server.on('error', (error) => this.parts.log('error', 'a forwarded port can not be opened', { lease, service, workerPort, error: error.message }))
    server.listen(workerPort, this.parts.host)
    return server
  }
}
