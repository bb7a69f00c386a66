import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { CloisterError, ROUTE_HEADER, toProblem } from '@cloister/core'
import { getRequestListener } from '@hono/node-server'
import type { Hex } from 'viem'
import { WebSocketServer } from 'ws'
import type { Worker } from '../worker.ts'
import { workerApi } from './app.ts'
import { authorize } from './authorize.ts'
import { serveExec } from './exec.ts'
import { Ingress } from './ingress.ts'
import type { ServerIdentity } from './tls.ts'

const MAX_HEADER_BYTES = 32 * 1024
const MAX_ARGUMENTS = 256

/**
 * The worker's one port: its interface, exec over WebSockets, and requests for the services it runs. Over TLS where there is
 * an identity; `identify` takes a renewed one. Throws `port-taken`.
 */
export async function serveWorker(
  worker: Worker,
  identity: ServerIdentity | undefined,
): Promise<{ port: number; identify: (identity: ServerIdentity) => void; close: () => Promise<void> }> {
  const ingress = new Ingress(worker)
  const listener = getRequestListener(workerApi(worker).fetch)
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 1024 * 1024 })
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    if (request.headers[ROUTE_HEADER] !== undefined) ingress.request(request, response)
    else void listener(request, response)
  }
  const options = { maxHeaderSize: MAX_HEADER_BYTES, noDelay: true }
  const tls = identity && createTlsServer({ ...options, ...identity, minVersion: 'TLSv1.3' }, serve)
  const server: Server = tls ?? createServer(options, serve)
  // Streams of logs and services' own answers may take as long as they like; heads may not.
  server.requestTimeout = 0
  server.headersTimeout = 15_000
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    if (request.headers[ROUTE_HEADER] !== undefined) ingress.upgrade(request, socket, head)
    else
      openExec(worker, sockets, request, socket, head).catch((error) => {
        const problem = toProblem(error)
        const body = JSON.stringify(problem)
        socket.end(
          `HTTP/1.1 ${problem.status} Refused\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
        )
      })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(worker.config.listen.port, worker.config.listen.host, () => resolve())
  }).catch((cause: NodeJS.ErrnoException) => {
    throw new CloisterError('port-taken', `The worker can not listen on ${worker.config.listen.host}:${worker.config.listen.port} (${cause.code}).`, {
      hint: 'Another program has the port; change `listen.port` in the configuration.',
      cause,
    })
  })
  return {
    identify: (renewed) => tls?.setSecureContext({ ...renewed, minVersion: 'TLSv1.3' }),
    port: (server.address() as AddressInfo).port,
    close: async () => {
      ingress.close()
      for (const client of sockets.clients) client.terminate()
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** `GET /v1/leases/{id}/exec?container=web-0&arg=sh&arg=-l&terminal=80x24`, upgraded to a WebSocket. */
async function openExec(worker: Worker, sockets: WebSocketServer, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  const path = request.url ?? '/'
  const url = new URL(path, 'http://worker')
  const id = /^\/v1\/leases\/(0x[0-9a-f]{64})\/exec$/.exec(url.pathname)?.[1] as Hex | undefined
  const lease = id && worker.store.lease(id)
  if (!id || !lease) throw new CloisterError('not-found', 'This worker has no such lease.')
  await authorize({ method: 'GET', path, authorization: request.headers.authorization, body: new Uint8Array() }, lease.tenant, worker)
  const reports = worker.supervisor.runner(id)?.report() ?? []
  const wanted = url.searchParams.get('container')
  const target =
    wanted === null ? reports.find((report) => report.state === 'running') : reports.find((report) => report.name === wanted || report.service === wanted)
  if (!target) throw new CloisterError('not-running', wanted === null ? 'No service of the lease is running.' : `The lease has no container ${wanted}.`)
  if (!worker.supervisor.runner(id)?.mayExec(target.name))
    throw new CloisterError('forbidden', `${target.service} lets nobody run commands inside: its manifest says so.`)
  const argv = url.searchParams.getAll('arg')
  if (argv.length === 0 || argv.length > MAX_ARGUMENTS || argv.some((word) => word.includes('\0')))
    throw new CloisterError('bad-request', 'A command of 1 to 256 words is needed.')
  const size = /^(\d{1,4})x(\d{1,4})$/.exec(url.searchParams.get('terminal') ?? '')
  const session = await worker.executor.exec(id, target.name, { argv, terminal: size ? { columns: Number(size[1]), rows: Number(size[2]) } : undefined })
  sockets.handleUpgrade(request, socket, head, (client) => serveExec(client, session))
}
