import type { Server, ServerOptions } from 'node:http'
import type { Http2Server } from 'node:http2'
import type { Duplex } from 'node:stream'
import { type Incoming, MAX_HEADER_BYTES } from './framing.ts'
import type { Outgoing } from './reply.ts'
import { isWebSocketUpgrade } from './request.ts'

/**
 * How an HTTP/1.1 server of ours reads: strictly, and with no upgrade but WebSocket; other requests for one
 * are plain requests.
 */
export const SERVER_OPTIONS: ServerOptions = {
  insecureHTTPParser: false,
  maxHeaderSize: MAX_HEADER_BYTES,
  noDelay: true,
  requireHostHeader: true,
  shouldUpgradeCallback: isWebSocketUpgrade,
  // Streams and uploads may take as long as they move; heads may not.
  requestTimeout: 0,
  headersTimeout: 15_000,
  // Longer than whoever asks keeps a connection: so that it is not closed under a request.
  keepAliveTimeout: 65_000,
}

/**
 * Serves requests with `handle`. It also gets those with `Expect`, which a relay answers when it has looked
 * at the head. No header is dropped for their number: their bytes are limited, and framing may be in the
 * last.
 */
export function serveRequests(
  server: Server | Http2Server,
  handle: (request: Incoming, response: Outgoing) => void,
): void {
  // Both kinds of server emit the same events.
  const either = server as Server
  for (const event of ['request', 'checkContinue', 'checkExpectation']) either.on(event, handle)
  either.maxHeadersCount = 0
}

/**
 * Takes a server's own reader of HTTP/1.1 off it, which also sees to the time-outs of heads: whoever takes it
 * decides which connections it gets. `event`: what connections are announced by.
 */
export function takeReader(
  server: Server,
  event: 'connection' | 'secureConnection',
): (connection: Duplex) => void {
  const read = server.listeners(event).find((listener) => listener.name.includes('onnectionListener')) as (
    socket: Duplex,
  ) => void
  server.off(event, read)
  return (connection) => read.call(server, connection)
}
