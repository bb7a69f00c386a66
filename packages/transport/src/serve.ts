import { EventEmitter, once } from 'node:events'
import type { Server as HttpServer, ServerResponse } from 'node:http'
import type { Http2Stream } from 'node:http2'
import type { AddressInfo, Server, Socket } from 'node:net'
import { CloisterError, messageOf } from '@cloister/core'
import { hostInUrl } from './address.ts'

/** Where a server listens: a port, 0 for any free one, or the path of a Unix socket. */
export type ListenAt = { host?: string; port: number } | { path: string }

/** A server that listens. */
export interface Served {
  /** 0 for one on a Unix socket. */
  port: number
  /** Ends all its connections, upgraded ones too, and the server. */
  close(): Promise<void>
  /**
   * Takes no new connections, lets requests under way end, for `ms` milliseconds at the most, and closes.
   * Upgraded connections, which may last for ever, aren't waited for.
   */
  drain(ms: number): Promise<void>
}

/** Milliseconds between two looks for connections that are idle by now, while a server drains. */
const LOOK_MS = 50

/** Has a server listen. Throws `port-taken`, naming `who` wanted to; `hint` says what to do about it. */
export async function serve(who: string, server: Server, at: ListenAt, hint?: string): Promise<Served> {
  // Upgraded connections are an HTTP server's no more, but it waits for them.
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(at, () => resolve())
  }).catch((cause) => {
    const place = 'path' in at ? at.path : `${hostInUrl(at.host ?? '')}:${at.port}`
    const why = (cause as NodeJS.ErrnoException).code ?? messageOf(cause)
    throw new CloisterError('port-taken', `${who} can not listen on ${place} (${why}).`, {
      cause,
      ...(hint !== undefined && { hint }),
    })
  })
  const address = server.address()
  const underWay = new UnderWay(server)
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return {
    port: typeof address === 'object' ? ((address as AddressInfo | null)?.port ?? 0) : 0,
    close,
    drain: async (ms) => {
      // Sessions of HTTP/2 are told that no more is taken; see `openFront`.
      server.emit('draining')
      server.close()
      await underWay.end(ms)
      await close()
    },
  }
}

/** Requests that a server, of HTTP/1.1 or HTTP/2, is answering. */
class UnderWay {
  private readonly server: Server
  private readonly none = new EventEmitter()
  private count = 0

  constructor(server: Server) {
    this.server = server
    const begin = (answer: ServerResponse | Http2Stream) => {
      this.count++
      answer.once('close', () => {
        if (--this.count === 0) this.none.emit('none')
      })
    }
    for (const event of ['request', 'checkContinue', 'checkExpectation'])
      server.on(event, (_, response: ServerResponse) => begin(response))
    server.on('stream', begin)
    // Of the direct way; see `directFront`.
    server.on('exchange', (change: 1 | -1) => {
      this.count += change
      if (this.count === 0) this.none.emit('none')
    })
  }

  /** Waits until there are none, for `ms` milliseconds at the most. */
  async end(ms: number): Promise<void> {
    if (this.count === 0) return
    // A connection that is kept would bring more requests.
    const looking = setInterval(() => {
      if ('closeIdleConnections' in this.server) (this.server as HttpServer).closeIdleConnections()
    }, LOOK_MS)
    await once(this.none, 'none', { signal: AbortSignal.timeout(ms) }).catch(() => {})
    clearInterval(looking)
  }
}
