import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { CloisterError, ROUTE_HEADER, STATE_DETAIL_HEADER, STATE_HEADER, toProblem } from '@cloister/core'
import {
  type AddressLimitSettings,
  AddressLimits,
  answerOn,
  directFront,
  type Incoming,
  linger,
  MUX_PROTOCOL,
  MuxConnection,
  type MuxStream,
  type Outgoing,
  SERVER_OPTIONS,
  serve,
  serveRequests,
  takeReader,
} from '@cloister/transport'
import type { Address } from 'viem'
import { DomainDoor } from '../domains/door.ts'
import { Ingress, type IngressParts, refuse } from './ingress.ts'
import type { RequestKey } from './request-key.ts'
import { SealedDoor } from './sealed.ts'
import type { ServerIdentity } from './tls.ts'

/** What one address may ask of a worker's interface, and how many connections there may be to the worker. */
const STRANGERS: AddressLimitSettings = {
  requestsPerSecond: 20,
  burst: 200,
  connectionsPerAddress: 2_000,
  connections: 20_000,
}
/** What one address may ask of services: it is a gateway's, with many people behind it. */
const GATEWAYS: AddressLimitSettings = {
  ...STRANGERS,
  requestsPerSecond: 2_000,
  burst: 10_000,
  // Of streams: connections are counted as a stranger's.
  connectionsPerAddress: 10_000,
}
/** What one client may ask of tenants' domains, as a gateway allows it. */
const CLIENTS: AddressLimitSettings = { ...STRANGERS, requestsPerSecond: 100, burst: 500 }
/** Milliseconds that a gateway's connection without a stream is kept: longer than gateways keep it. */
const IDLE_MS = 90_000

/** What a worker's door is made of. */
export interface WorkerDoorParts {
  listen: { host: string; port: number }
  /** Over TLS where there is one. */
  identity: ServerIdentity | undefined
  /** Where requests with a route go. */
  ingress: IngressParts
  /** Whose door it is, and what requests to it may be sealed to. */
  worker: Address
  requestKey: RequestKey
  /** Answers every other request. */
  api(request: IncomingMessage, response: ServerResponse): void
  /** Takes every other upgrade. What it throws is answered as a problem document. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>
  /** Makes what takes tenants' domains, where the worker serves any. */
  domains?: (ingress: Ingress, limits: AddressLimits) => DomainDoor
  /** Rates are not limited, as on a development network: everybody has one address there. */
  isDevelopment: boolean
}

/** A worker's open door. */
export interface WorkerDoor {
  port: number
  /** Takes a renewed certificate. */
  identify(identity: ServerIdentity): void
  close(): Promise<void>
  /** Closes once requests under way have ended, in `ms` milliseconds at the most. */
  drain(ms: number): Promise<void>
}

/** Opens a worker's one port: its interface, and requests for the services it runs. Throws `port-taken`. */
export async function openWorkerDoor(parts: WorkerDoorParts): Promise<WorkerDoor> {
  const { listen, identity, isDevelopment } = parts
  const ingress = new Ingress(parts.ingress)
  const unlimited = isDevelopment && { requestsPerSecond: Number.POSITIVE_INFINITY }
  const strangers = new AddressLimits({ ...STRANGERS, ...unlimited })
  const gateways = new AddressLimits({ ...GATEWAYS, ...unlimited })
  const domains = parts.domains?.(ingress, new AddressLimits({ ...CLIENTS, ...unlimited }))
  const tooMany = new CloisterError('too-many', 'Your address asks for more than this worker answers.', {
    hint: 'Try again in a moment.',
  })

  // The door speaks HTTP/1.1 alone.
  const askApi = (request: Incoming, response: Outgoing) =>
    parts.api(request as IncomingMessage, response as ServerResponse)
  const sealed = new SealedDoor(parts.worker, parts.requestKey, (request, response) => {
    if (request.headers[ROUTE_HEADER] !== undefined) ingress.request(request, response)
    else askApi(request, response)
  })

  const answer = (request: Incoming, response: Outgoing) => {
    const { remoteAddress } = request.socket
    if (request.headers[ROUTE_HEADER] !== undefined) {
      if (gateways.take(remoteAddress) > 0) refuse({ state: 'busy' }, request, response)
      else ingress.request(request, response)
      return
    }
    // What is sealed comes from gateways, with many people behind them.
    const isSealed = sealed.takes(request)
    const wait = (isSealed ? gateways : strangers).take(remoteAddress)
    if (wait > 0) return answerWith(tooMany, wait, request, response)
    if (request.headers.expect !== undefined) response.writeContinue()
    if (!isSealed) return askApi(request, response)
    sealed
      .request(request as IncomingMessage, response as ServerResponse)
      .catch((error) => answerWith(error, 0, request, response))
  }
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    const { remoteAddress } = request.socket
    if (request.headers[ROUTE_HEADER] !== undefined) {
      if (gateways.take(remoteAddress) > 0) refuse({ state: 'busy' }, request, answerOn(request, socket))
      else ingress.upgrade(request, socket, head)
      return
    }
    const wait = strangers.take(remoteAddress)
    if (wait > 0) return answerWith(tooMany, wait, request, answerOn(request, socket))
    parts
      .upgrade(request, socket, head)
      .catch((error) => answerWith(error, 0, request, answerOn(request, socket)))
  }

  const tls =
    identity &&
    createTlsServer({
      ...SERVER_OPTIONS,
      ...identity,
      minVersion: 'TLSv1.3',
      ALPNProtocols: [MUX_PROTOCOL, 'http/1.1'],
    })
  const server: Server = tls ?? createServer(SERVER_OPTIONS)
  strangers.guard(server)
  serveRequests(server, answer)
  server.on('upgrade', upgrade)
  if (tls) {
    // A listener for each gateway's connection.
    tls.setMaxListeners(0)
    const readHttp1 = takeReader(server, 'secureConnection')
    const readDirect = directFront(server, {
      find: (head, client) => {
        const way = ingress.way(head)
        return way && gateways.take((client as MuxStream).remoteAddress) === 0 ? way : undefined
      },
      dial: (target) => ingress.connect(target),
      careful: readHttp1,
      replaced: new Set([ROUTE_HEADER]),
      removed: new Set([STATE_HEADER, STATE_DETAIL_HEADER]),
      tellsKeepAlive: false,
    })
    const accept = (stream: MuxStream, first: Buffer) => {
      if (!gateways.admit(stream)) return
      if (domains && DomainDoor.isPassed(first)) domains.take(stream)
      else readDirect(stream)
    }
    tls.on('secureConnection', (socket) => {
      if (socket.alpnProtocol !== MUX_PROTOCOL) return readHttp1(socket)
      const connection = new MuxConnection(socket, { idleMs: IDLE_MS, accept })
      const leave = () => connection.leave()
      // See `serve`.
      tls.on('draining', leave)
      socket.once('close', () => tls.off('draining', leave))
    })
  }
  const served = await serve(
    'The worker',
    server,
    listen,
    'Another program has the port; change `listen.port` in the configuration.',
  )
  return {
    port: served.port,
    identify: (renewed) => tls?.setSecureContext({ ...renewed, minVersion: 'TLSv1.3' }),
    close: async () => {
      domains?.close()
      ingress.close()
      sealed.close()
      await served.close()
    },
    drain: async (ms) => {
      domains?.drain()
      await served.drain(ms)
      domains?.close()
      ingress.close()
      sealed.close()
    },
  }
}

/**
 * Answers with an error's problem document. `wait`: seconds until the request may come again, where that is
 * known.
 */
function answerWith(error: unknown, wait: number, request: Incoming, response: Outgoing): void {
  const problem = toProblem(error)
  const body = JSON.stringify(problem)
  const headers = {
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    ...(wait > 0 && { 'retry-after': String(wait) }),
  }
  const plain = response as ServerResponse
  plain.writeHead(problem.status, headers).end(request.method === 'HEAD' ? undefined : body)
  linger(request)
}
