import { RELAY_MESSAGE_BYTES } from '@cloister/client/node'
import { CloisterError } from '@cloister/core'
import { getRequestListener } from '@hono/node-server'
import type { Hex } from 'viem'
import { WebSocketServer } from 'ws'
import { DomainDoor } from '../domains/door.ts'
import { manifestOf, routeOfDomain, servedDomains } from '../domains/served.ts'
import { exposedPorts } from '../leases/exposed.ts'
import { workerApi } from './app.ts'
import { authorize } from './authorize.ts'
import { destinations } from './destinations.ts'
import { openWorkerDoor, type WorkerDoor } from './door.ts'
import { checkHandshake, type Upgrade, upgradeToExec } from './exec.ts'
import { relayTarget, upgradeToRelay } from './relay.ts'
import { newRequestKey } from './request-key.ts'
import type { ServerIdentity } from './tls.ts'
import type { Worker } from './worker.ts'

const MAX_ARGUMENTS = 256

/**
 * The worker's one port: its interface, exec over WebSockets, and requests for the services it runs. Over
 * TLS where there is an identity; `identify` takes a renewed one. Throws `port-taken`.
 */
export async function serveWorker(worker: Worker, identity: ServerIdentity | undefined): Promise<WorkerDoor> {
  const listener = getRequestListener(workerApi(worker).fetch)
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 1024 * 1024 })
  const relays = new WebSocketServer({ noServer: true, maxPayload: RELAY_MESSAGE_BYTES })
  const door = await openWorkerDoor({
    listen: worker.config.listen,
    identity,
    ingress: {
      find: destinations(worker),
      connect: (target) => {
        const [lease = '', container = '', port = ''] = target.split('/')
        return worker.executor.connect(lease, container, Number(port))
      },
    },
    domains: (ingress, limits) =>
      new DomainDoor({
        ingress,
        limits,
        domainsOf: (id) => servedDomains(worker, id),
        certificateOf: (id, domain) => worker.store.domains.find(id, domain)?.certificate,
        routeOf: (id, domain) => routeOfDomain(worker, id, domain),
        passRaw: (lease, { service, port }, stream, client, first) => {
          const manifest = manifestOf(worker, lease)
          const proxy =
            manifest && exposedPorts(manifest).find((to) => to.service === service && to.port === port)?.proxy
          worker.supervisor.forwarding.join({ lease, service, port, proxy }, stream, client, undefined, first)
        },
      }),
    worker: worker.key.address,
    requestKey: await newRequestKey(worker.key, worker.attestor.tlsKeyHash, worker.network.chainId),
    api: (request, response) => void listener(request, response),
    upgrade: async (request, socket, head) => {
      const relayed = relayTarget(new URL(request.url ?? '/', 'http://worker').pathname)
      const upgrade = { request, socket, head }
      return relayed ? upgradeToRelay(worker, relays, relayed, upgrade) : openExec(worker, sockets, upgrade)
    },
    isDevelopment: worker.network.development,
  })
  const ended = (ending: Promise<void>) => {
    for (const { clients } of [sockets, relays]) for (const client of clients) client.terminate()
    return ending
  }
  return { ...door, close: () => ended(door.close()), drain: (ms) => ended(door.drain(ms)) }
}

/** `GET /v1/leases/{id}/exec?container=web-0&arg=sh&arg=-l&terminal=80x24`, upgraded to a WebSocket. */
async function openExec(worker: Worker, sockets: WebSocketServer, upgrade: Upgrade): Promise<void> {
  const { request } = upgrade
  const path = request.url ?? '/'
  const url = new URL(path, 'http://worker')
  const id = /^\/v1\/leases\/(0x[0-9a-f]{64})\/exec$/.exec(url.pathname)?.[1] as Hex | undefined
  const lease = id && worker.store.lease(id)
  if (!id || !lease) throw new CloisterError('not-found', 'This worker has no such lease.')
  await authorize(
    { method: 'GET', path, authorization: request.headers.authorization, body: new Uint8Array() },
    lease.tenant,
    worker,
  )
  const reports = worker.supervisor.runner(id)?.report() ?? []
  const wanted = url.searchParams.get('container')
  const target =
    wanted === null
      ? reports.find((report) => report.state === 'running')
      : reports.find((report) => report.name === wanted || report.service === wanted)
  if (!target)
    throw new CloisterError(
      'not-running',
      wanted === null ? 'No service of the lease is running.' : `The lease has no container ${wanted}.`,
    )
  if (!worker.supervisor.runner(id)?.mayExec(target.name))
    throw new CloisterError(
      'forbidden',
      `${target.service} lets nobody run commands inside: its manifest says so.`,
    )
  checkHandshake(request)
  const argv = url.searchParams.getAll('arg')
  if (argv.length === 0 || argv.length > MAX_ARGUMENTS || argv.some((word) => word.includes('\0')))
    throw new CloisterError('bad-request', 'A command of 1 to 256 words is needed.')
  const size = /^(\d{1,4})x(\d{1,4})$/.exec(url.searchParams.get('terminal') ?? '')
  const session = await worker.executor.exec(id, target.name, {
    argv,
    terminal: size ? { columns: Number(size[1]), rows: Number(size[2]) } : undefined,
  })
  upgradeToExec(sockets, upgrade, session)
}
