import type { AddressInfo, Server, Socket } from 'node:net'
import { CloisterError, messageOf } from '@cloister/core'

/** Where a server listens: a port, 0 for any free one, or the path of a Unix socket. */
export type ListenAt = { host?: string; port: number } | { path: string }

/** A server that listens. */
export interface Served {
  /** 0 for one on a Unix socket. */
  port: number
  /** Ends all its connections, upgraded ones too, and the server. */
  close(): Promise<void>
}

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
    const place = 'path' in at ? at.path : `${at.host ?? ''}:${at.port}`
    const why = (cause as NodeJS.ErrnoException).code ?? messageOf(cause)
    throw new CloisterError('port-taken', `${who} can not listen on ${place} (${why}).`, {
      cause,
      ...(hint !== undefined && { hint }),
    })
  })
  const address = server.address()
  return {
    port: typeof address === 'object' ? ((address as AddressInfo | null)?.port ?? 0) : 0,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
