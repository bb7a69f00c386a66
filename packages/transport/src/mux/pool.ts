import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { MuxConnection } from './connection.ts'
import { MUX_PROTOCOL } from './frame.ts'
import { MuxStream } from './stream.ts'

/** Where a connection leads: whatever `connect` understands. */
type Target = string

/** Milliseconds that a connection without a stream is kept. */
const IDLE_MS = 30_000
/** Milliseconds for which a target that doesn't speak the protocol isn't asked again whether it does. */
const PLAIN_MS = 60_000
/** Connections to one target that are opened because those there are carry something large. */
const SPREAD = 4
const MAX_REMEMBERED = 10_000

/**
 * Dials targets: streams over connections that are kept, where the other side speaks `cloister-mux/1`, else
 * a connection for each. Targets never share a connection. What moves much leaves its connection to itself.
 */
export class MuxPool {
  private readonly connect: (target: Target) => Promise<Duplex>
  private readonly connections = new Map<Target, MuxConnection[]>()
  private readonly opening = new Map<Target, Promise<unknown>>()
  /** Targets that don't speak the protocol, and until when they are believed not to. */
  private readonly plain = new Map<Target, number>()
  private isOver = false

  /** `connect` offers the protocol in its handshake. It rejects where nobody listens. */
  constructor(connect: (target: Target) => Promise<Duplex>) {
    this.connect = connect
  }

  /** A stream or a connection to a target. Rejects where nobody listens. */
  async dial(target: Target): Promise<Duplex> {
    for (;;) {
      const stream = this.take(target)
      if (stream) return stream
      if ((this.plain.get(target) ?? 0) > performance.now()) return this.connect(target)
      const opening = this.opening.get(target)
      if (opening) {
        await opening
        continue
      }
      const opened = this.open(target).finally(() => this.opening.delete(target))
      this.opening.set(target, opened)
      const connection = await opened
      if (connection) return connection
    }
  }

  /** A stream to a target; undefined where it doesn't speak the protocol. Rejects where nobody listens. */
  async stream(target: Target): Promise<MuxStream | undefined> {
    const there = this.take(target)
    if (there || (this.plain.get(target) ?? 0) > performance.now()) return there
    const dialled = await this.dial(target)
    if (dialled instanceof MuxStream) return dialled
    dialled.destroy()
    return undefined
  }

  /** Resolves once a target is connected to, or could be. Rejects where nobody listens. */
  async reach(target: Target): Promise<void> {
    if (this.connections.has(target)) return
    const dialled = await this.dial(target)
    dialled.destroy()
  }

  /** A stream over a connection that is there; undefined where one has to be opened. */
  take(target: Target): MuxStream | undefined {
    const all = this.connections.get(target)
    if (!all) return undefined
    const free = all.filter((connection) => !connection.isFull)
    const quiet = free.find((connection) => !connection.isBusy)
    if (quiet) return quiet.open()
    if (all.length < SPREAD) return undefined
    return free
      .reduce<MuxConnection | undefined>(
        (least, other) => (least && least.size <= other.size ? least : other),
        undefined,
      )
      ?.open()
  }

  close(): void {
    this.isOver = true
    for (const all of this.connections.values())
      for (const connection of [...all]) connection.close(undefined)
  }

  /** Opens one more connection for streams; or gives the connection itself where it can't carry any. */
  private async open(target: Target): Promise<Duplex | undefined> {
    const socket = await this.connect(target)
    if (this.isOver) {
      socket.destroy()
      throw new Error('the pool is closed')
    }
    if ((socket as Partial<TLSSocket>).alpnProtocol !== MUX_PROTOCOL) {
      if (this.plain.size >= MAX_REMEMBERED) this.plain.clear()
      this.plain.set(target, performance.now() + PLAIN_MS)
      return socket
    }
    const connection = new MuxConnection(socket, {
      idleMs: IDLE_MS,
      closed: () => this.forget(target, connection),
    })
    this.connections.set(target, [...(this.connections.get(target) ?? []), connection])
    return undefined
  }

  private forget(target: Target, connection: MuxConnection): void {
    const left = this.connections.get(target)?.filter((other) => other !== connection) ?? []
    if (left.length > 0) this.connections.set(target, left)
    else this.connections.delete(target)
  }
}
