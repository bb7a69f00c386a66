import { execFileSync } from 'node:child_process'
import { createHash, createPublicKey } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { type Destination, type NoDestination, openWorkerDoor, type WorkerDoorParts } from '@cloister/agent'
import {
  type DomainSettings,
  type GatewaySettings,
  type RunningGateway,
  startGateway,
} from '@cloister/gateway'
import { MUX_PROTOCOL, MuxConnection } from '@cloister/transport'
import { zeroAddress, zeroHash } from 'viem'

/** A lease of the stage: who answers for it, and how requests for it are passed on. */
export interface StagedLease {
  name: string
  /** Answers its connections. */
  service: (socket: Socket) => void
  http?: Destination['http']
  /** Instead of leading to the service. */
  state?: NoDestination
}

/**
 * A real gateway and the door of a real worker, over TLS with a pinned key; behind them services made by a
 * test.
 */
export interface DoorsStage {
  gatewayPort: number
  gateway: RunningGateway
  workerPort: number
  folder: string
  tls: { key: string; cert: string }
  /** Connections the gateway has opened to the worker so far. */
  toWorker: () => number
  idOf: (name: string) => string
  hostOf: (name: string) => string
  /** Changes what the index says of leases from now on. */
  tell: (changes: { endpoint?: string; tlsKeyHash?: string }) => void
  end: () => Promise<void>
}

const ADDRESS = `0x${'11'.repeat(20)}`
const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port
const listen = <T extends { listen(port: number, host: string, done: () => void): unknown }>(server: T) =>
  new Promise<T>((done) => server.listen(0, '127.0.0.1', () => done(server)))

/**
 * Raises the stage. `secure`: the gateway has TLS, too. `worker` replaces the worker with one that answers
 * with bytes of its own, over connections or over `streams` of one.
 */
export async function raiseDoors(
  leases: StagedLease[],
  {
    secure = false,
    worker,
    streams = false,
    domains,
    api,
    domainSettings,
    workerHost = '127.0.0.1',
    ...settings
  }: {
    secure?: boolean
    worker?: (connection: Duplex) => void
    streams?: boolean
    /** What the worker takes of tenants' domains. */
    domains?: WorkerDoorParts['domains']
    api?: WorkerDoorParts['api']
    /** What the gateway does with them. */
    domainSettings?: DomainSettings
    /** What the worker listens on. */
    workerHost?: string
  } & Partial<GatewaySettings> = {},
): Promise<DoorsStage> {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-doors-'))
  const tls = await certificate(folder)
  const spki = createPublicKey(tls.key).export({ format: 'der', type: 'spki' })
  const services = new Map<string, Server>()
  for (const { name, service } of leases)
    services.set(
      name,
      await listen(
        createServer({ noDelay: true }, (socket) => {
          socket.on('error', () => {})
          service(socket)
        }),
      ),
    )
  const idOf = (name: string) => `0x${createHash('sha256').update(name).digest('hex')}`
  const hostOf = (name: string) => `${idOf(name).slice(2, 18)}.localhost`
  const door = worker
    ? undefined
    : await openWorkerDoor({
        listen: { host: workerHost, port: 0 },
        identity: tls,
        ingress: {
          find: (route) => {
            const lease = leases.find(({ name }) => route === `${idOf(name)}/`)
            return lease ? (lease.state ?? { target: lease.name, http: lease.http }) : { state: 'unknown' }
          },
          signOfLifeMs: 100,
          connect: async (target) =>
            connect({ host: '127.0.0.1', port: portOf(services.get(target) as Server), noDelay: true }),
        },
        worker: zeroAddress,
        requestKey: { report: { key: zeroHash, signature: '0x' }, privateKey: new Uint8Array(32) },
        ...(domains && { domains }),
        api: api ?? ((_, response) => void response.writeHead(404).end('the interface')),
        upgrade: async (_, socket) => void socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n'),
        isDevelopment: true,
      })
  // Stands between gateway and worker and counts; TLS passes through it.
  let toWorker = 0
  const { createServer: createTlsServer } = await import('node:tls')
  const rogue =
    worker &&
    (await listen(
      createTlsServer(
        { ...tls, minVersion: 'TLSv1.3', ...(streams && { ALPNProtocols: [MUX_PROTOCOL] }) },
        (socket) => {
          socket.on('error', () => {})
          if (streams) new MuxConnection(socket, { idleMs: 60_000, accept: worker })
          else worker(socket)
        },
      ),
    ))
  const workerPort = door?.port ?? portOf(rogue as Server)
  const wire = await listen(
    createServer({ noDelay: true }, (socket) => {
      toWorker++
      const onward = connect({ host: '127.0.0.1', port: workerPort, noDelay: true })
      socket.pipe(onward).pipe(socket)
      for (const [side, other] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        side.on('error', () => other.destroy())
        side.on('close', () => other.destroy())
      }
    }),
  )
  let told: Record<string, string> = {
    endpoint: `https://127.0.0.1:${portOf(wire)}`,
    tlsKeyHash: `0x${createHash('sha256').update(spki).digest('hex')}`,
  }
  // An index with the leases: the real one is tested in the indexer.
  const index = await listen(
    createHttpServer((incoming, response) => {
      const key = incoming.url?.split('/').at(-1) ?? ''
      const lease = leases.find(({ name }) => idOf(name) === key || idOf(name).slice(2, 18) === key)
      response.writeHead(lease ? 200 : 404, { 'content-type': 'application/json' })
      response.end(JSON.stringify(lease ? { ...record(idOf(lease.name)), ...told } : {}))
    }),
  )
  const gateway = await startGateway({
    domain: 'localhost',
    host: '127.0.0.1',
    port: 0,
    indexerUrl: `http://127.0.0.1:${portOf(index)}`,
    development: { portsFile: join(folder, 'ports.json') },
    ...(secure && { tls }),
    ...(domainSettings && { domains: domainSettings }),
    ...settings,
  })
  return {
    gatewayPort: gateway.port,
    gateway,
    workerPort,
    folder,
    tls,
    toWorker: () => toWorker,
    idOf,
    hostOf,
    tell: (changes) => {
      told = { ...told, ...changes }
    },
    end: async () => {
      await gateway.stop()
      await door?.close()
      index.closeAllConnections()
      for (const server of [index, wire, ...(rogue ? [rogue] : []), ...services.values()]) server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/**
 * What a client gets that sends bytes over a connection of its own: everything until the other side closes
 * it, or says nothing for a while.
 */
export function exchange(
  port: number,
  bytes: Buffer | string,
  { quietMs = 10_000, opened = (_: Socket) => {} } = {},
): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    const socket = connect({ host: '127.0.0.1', port, noDelay: true }, () => {
      socket.write(bytes)
      opened(socket)
    })
    socket.setTimeout(quietMs, () => socket.destroy())
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', () => {})
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
  })
}

async function certificate(folder: string): Promise<{ key: string; cert: string }> {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const how = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '1',
    '-subj',
    '/CN=localhost',
  ]
  execFileSync('openssl', ['req', '-x509', ...how, '-keyout', key, '-out', cert], { stdio: 'ignore' })
  return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') }
}

function record(lease: string) {
  return {
    lease,
    shortId: lease.slice(2, 18),
    state: 'open',
    tenant: ADDRESS,
    worker: ADDRESS,
    provider: ADDRESS,
    token: ADDRESS,
    ratePerSecond: '1',
    deposit: '1',
    spent: '0',
    fee: '0',
    refund: '0',
    coveredSeconds: 0,
    manifestHash: lease,
    openedAt: 0,
    refused: false,
    transaction: lease,
  }
}
