import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { directFront, SERVER_OPTIONS, serveRequests, takeReader } from '@cloister/transport'
import type { Door } from './door.ts'
import type { Wanted } from './host.ts'

/** A server every request to which is for one route, whatever host it names; see `LoopbackPorts`. */
export function routeServer(door: Door, wanted: Wanted): Server {
  const server = createServer(SERVER_OPTIONS)
  serveRequests(server, (request, response) => door.request(wanted, request, response))
  const careful = takeReader(server, 'connection')
  server.on(
    'connection',
    directFront(server, {
      ...door.direct,
      find: (head, client) => door.way(wanted, head, (client as Socket).remoteAddress),
      careful,
    }),
  )
  return server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
    door.upgrade(wanted, request, socket, head),
  )
}
