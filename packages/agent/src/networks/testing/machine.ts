// A worker's part in private networks, in a network namespace of a test's: the tunnel of one lease, and the
// door that relays come in by. Chain and index are fakes that know the two leases. Spoken to over IPC.

import { execFileSync } from 'node:child_process'
import { createHash, createPublicKey } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo, Server as NetServer } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Wallet } from '@cloister/chain'
import { RELAY_MESSAGE_BYTES } from '@cloister/client/node'
import { type SignedMember, toProblem } from '@cloister/core'
import { type NetworkPlace, PrivateLinks } from '@cloister/executors'
import { answerOn } from '@cloister/transport'
import { type Address, type Hex, zeroAddress, zeroHash } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { WebSocketServer } from 'ws'
import { KERNEL_PROGRAM } from '../../../../executors/src/sandbox/dialler.ts'
import { FIRST_ID } from '../../../../executors/src/sandbox/id-range.ts'
import { ID_COUNT } from '../../../../executors/src/sandbox/user.ts'
import { relayTarget, upgradeToRelay } from '../../api/relay.ts'
import type { Worker } from '../../api/worker.ts'
import { signMember } from '../introduction.ts'
import { LeaseNetwork } from '../lease-network.ts'
import type { LeaseNetworks } from '../lease-networks.ts'
import { Relays } from '../relay/relays.ts'

/** What a machine is told at its start. */
export interface MachineSetup {
  /** 0 or 1. */
  number: number
  /** Its address, and the other machine's. */
  address: string
  other: string
  folder: string
  lease: Hex
  otherLease: Hex
  tenant: Address
  workerSecret: Hex
  otherWorker: Address
  mibPerSecond: number
}

/** What it tells when it is up. */
export interface MachineUp {
  /** The process in the lease's network. */
  pid: number
  member: SignedMember
  ipv6: string
  endpoint: string
  tlsKeyHash: Hex
}

/** How the other machine is reached, and what its worker says of its lease. */
export interface Other {
  member: SignedMember
  endpoint: string
  tlsKeyHash: Hex
}

const NETWORK = 'backend'
const UDP_PORT = 31_000
const LOOK_MS = 200
/** As in `course.ts`, but that a test needn't wait so long. */
const TIMINGS = {
  ...{ first: 500, silence: 2_500, life: 6_000, headStart: 500 },
  ...{ trial: 1_000, trialPause: 1_500, longestTrialPause: 1_500 },
}

process.once('message', (setup: MachineSetup) => void start(setup))

async function start(setup: MachineSetup): Promise<void> {
  const { number, lease, otherLease, tenant } = setup
  const key = privateKeyToAccount(setup.workerSecret)
  const index = createHttpServer((_, response) => response.end(JSON.stringify(otherRecord())))
  const indexUrl = `http://127.0.0.1:${await listen(index, '127.0.0.1')}`
  let other: Other | undefined
  const otherRecord = () => ({
    worker: setup.otherWorker,
    provider: tenant,
    endpoint: other?.endpoint,
    ...{ cpuMilli: 1, memoryMiB: 1, diskMiB: 1, gpus: 0, gpuClass: '', retired: false, registeredAt: 1 },
    ...{ coveredUntil: 1, coveredSeconds: 1, uptime: 1, attestation: 'simulated', openLeases: 1 },
    leasesServed: 1,
    tlsKeyHash: other?.tlsKeyHash,
  })
  const chain = fakeChain(setup, indexUrl, key.address)
  const hold = [KERNEL_PROGRAM, 'hold', String(FIRST_ID + (40 + number) * ID_COUNT), String(ID_COUNT)]
  const pid = Number(execFileSync('perl', hold, { encoding: 'utf8' }))
  const place: NetworkPlace = { name: '', containers: ['web-0'], pid, charged: (command) => command }
  const links = new PrivateLinks(setup.folder)
  const network: LeaseNetwork = new LeaseNetwork({
    lease,
    tenant,
    network: NETWORK,
    engine: { places: async () => [place], setHosts: async () => {} },
    links,
    secret: new Uint8Array(32).fill(number + 1),
    mibPerSecond: 1_000,
    relayedMibPerSecond: setup.mibPerSecond,
    relay: (peer, from, to) => relays.ask(lease, network, peer, from, to),
    timings: TIMINGS,
    portFor: () => UDP_PORT,
    serviceOf: () => 'web',
  })
  const relays = new Relays({ chain, key, networks: () => [network], allows: true })
  const door = await openDoor(setup, (id, asked) => relays.admit(id, network, asked))
  await network.arrange()
  const { places } = network
  const instant = Math.floor(Date.now() / 1000)
  const member = await signMember(chain, key, {
    ...{ lease, reader: otherLease, network: NETWORK, name: '', places, instant },
  })
  const report = await network.report()
  tell({ pid, member, ipv6: report.places[0]?.ipv6 ?? '', ...door } satisfies MachineUp)
  process.on('message', async (message: { meet?: Other; report?: true }) => {
    if (message.report) return tell(await network.report())
    if (!message.meet) return
    other = message.meet
    const standing = { worker: setup.otherWorker, endpoint: other.endpoint, manifestHash: zeroHash }
    network.peers.set(otherLease, { member: other.member, standing, address: setup.other })
    network.hasMet = true
    tell('met')
  })
  const timer = setInterval(() => void network.apply().catch(() => {}), LOOK_MS)
  process.once('disconnect', async () => {
    clearInterval(timer)
    await network.close()
    process.kill(pid, 'SIGKILL')
    process.exit(0)
  })
}

/** The worker's port: it takes requests for a relay alone. */
async function openDoor(
  { address, folder }: MachineSetup,
  admitRelay: LeaseNetworks['admitRelay'],
): Promise<{ endpoint: string; tlsKeyHash: Hex }> {
  const pair = makePair(folder)
  const spki = createPublicKey(pair.key).export({ format: 'der', type: 'spki' })
  const sockets = new WebSocketServer({ noServer: true, maxPayload: RELAY_MESSAGE_BYTES })
  const worker = { networks: { admitRelay } } as unknown as Worker
  const server = createServer(pair)
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const id = relayTarget(request.url ?? '')
    if (!id) return socket.destroy()
    upgradeToRelay(worker, sockets, id, { request, socket, head }).catch((error) => {
      const problem = toProblem(error)
      answerOn(request, socket).writeHead(problem.status).end(JSON.stringify(problem))
    })
  })
  return {
    endpoint: `https://${address}:${await listen(server, address)}`,
    tlsKeyHash: `0x${createHash('sha256').update(spki).digest('hex')}`,
  }
}

function makePair(folder: string): { key: string; cert: string } {
  const made = mkdtempSync(`${folder}-tls-`)
  const words = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=worker']
  execFileSync('openssl', ['req', '-x509', ...words, '-keyout', `${made}/key`, '-out', `${made}/cert`], {
    stdio: 'ignore',
  })
  const pair = { key: readFileSync(`${made}/key`, 'utf8'), cert: readFileSync(`${made}/cert`, 'utf8') }
  rmSync(made, { recursive: true })
  return pair
}

/** A chain that has both leases open, on covered workers. */
function fakeChain({ lease, tenant, otherWorker }: MachineSetup, indexerUrl: string, own: Address): Wallet {
  const workerOf = (id: Hex) => (id === lease ? own : otherWorker)
  const answers: Record<string, (...args: never[]) => unknown> = {
    leaseOf: (id: Hex) => ({ state: 1, tenant, worker: workerOf(id), manifestHash: zeroHash }),
    workerOf: () => ({ provider: tenant, description: { endpoint: 'https://unused', gpuClass: zeroHash } }),
    billing: () => [tenant, 0n, BigInt(Math.floor(Date.now() / 1000) + 60)],
  }
  return {
    network: {
      chainId: 1,
      development: true,
      indexerUrl,
      contracts: { market: zeroAddress, workers: zeroAddress },
    },
    client: {
      readContract: async ({ functionName, args }: { functionName: string; args: never[] }) =>
        answers[functionName]?.(...args),
      getBlock: async () => ({ timestamp: BigInt(Math.floor(Date.now() / 1000)) }),
    },
  } as unknown as Wallet
}

function listen(server: NetServer, host: string): Promise<number> {
  return new Promise((done) => server.listen(0, host, () => done((server.address() as AddressInfo).port)))
}

function tell(message: unknown): void {
  process.send?.(message as object)
}
