import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type AgentConfig, enrolWorker, loadAgentConfig, loadWorkerKey } from '@cloister/agent'
import {
  connectWallet,
  delegate,
  ensurePlatform,
  getPosition,
  type Network,
  STAKE_ABI,
  type Wallet,
} from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { DEVELOPMENT_ROLES, developmentAccount } from '@cloister/development/accounts'
import { developmentSource } from '@cloister/development/evidence'
import { DockerExecutor, SandboxExecutor } from '@cloister/executors'
import { stringify } from 'yaml'
import { ATTESTATION_FOLDER } from './contracts.ts'
import { type DaemonSettings, NODE } from './daemon.ts'
import type { Settings } from './settings.ts'

/**
 * The three workers of the embedded network: small and cheap to large and dear, each of a provider of its
 * own.
 */
export const WORKERS = [
  {
    name: 'oak',
    cpus: 2,
    memory: '4GiB',
    disk: '10GiB',
    region: 'north',
    stake: 2_000n,
    usdc: { cpu: '0.020', memoryGiB: '0.0050', diskGiB: '0.0002' },
    cloi: { cpu: '0.10', memoryGiB: '0.025', diskGiB: '0.001' },
  },
  {
    name: 'elm',
    cpus: 4,
    memory: '8GiB',
    disk: '20GiB',
    region: 'south',
    stake: 4_000n,
    usdc: { cpu: '0.028', memoryGiB: '0.0070', diskGiB: '0.0003' },
    cloi: { cpu: '0.12', memoryGiB: '0.030', diskGiB: '0.001' },
  },
  {
    name: 'ash',
    cpus: 8,
    memory: '16GiB',
    disk: '40GiB',
    region: 'west',
    stake: 8_000n,
    usdc: { cpu: '0.040', memoryGiB: '0.0100', diskGiB: '0.0004' },
    cloi: { cpu: '0.18', memoryGiB: '0.045', diskGiB: '0.002' },
  },
] as const

const COMMAND_LINE = fileURLToPath(import.meta.resolve('cloister'))
const TCP_PORTS = 100
/** Unpacked images, which the workers share. */
export const UNPACKED = 'unpacked'

export type Engine = { engine: 'sandbox' } | { engine: 'docker'; socket: string }

/** The sandbox where the kernel allows it, a container engine that answers where not. Throws `no-engine`. */
export async function chooseEngine(folder: string): Promise<Engine> {
  const images = { layouts: [], trustedRegistries: [] }
  let reason: unknown
  try {
    const sandbox = await SandboxExecutor.open({
      folder: join(folder, 'probe'),
      // The workers', which then needn't try what was tried a moment ago.
      imageFolder: join(folder, UNPACKED),
      images,
    })
    await sandbox.close()
    return { engine: 'sandbox' }
  } catch (error) {
    reason = error
  }
  for (const socket of [
    '/var/run/docker.sock',
    '/run/podman/podman.sock',
    `${process.env['XDG_RUNTIME_DIR'] ?? '/nowhere'}/podman/podman.sock`,
  ]) {
    try {
      const docker = await DockerExecutor.connect({
        socketPath: socket,
        scope: 'probe',
        folder: join(folder, 'probe'),
        images,
      })
      await docker.close()
      return { engine: 'docker', socket }
    } catch {
      // Nobody answers there.
    }
  }
  throw new CloisterError(
    'no-engine',
    'There is nothing to run containers with: no sandbox, and neither Docker nor Podman answers.',
    {
      hint: 'Type: apt-get install --no-install-recommends runc conmon   (or start Docker or Podman)',
      cause: reason,
    },
  )
}

/** Writes a worker's configuration and registers it. Returns its configuration file. */
export async function prepareWorker(
  { folder, ports }: Settings,
  network: Network,
  index: 0 | 1 | 2,
  engine: Engine,
): Promise<string> {
  const worker = WORKERS[index]
  const own = join(folder, 'workers', worker.name)
  mkdirSync(own, { recursive: true })
  const path = join(own, 'provider.yaml')
  const port = ports.workers[index]
  const first = ports.tcp + index * TCP_PORTS
  writeFileSync(
    path,
    stringify({
      name: worker.name,
      network: '../../network.json',
      folder: '.',
      listen: { host: '127.0.0.1', port },
      endpoint: `https://127.0.0.1:${port}`,
      capacity: { cpus: worker.cpus, memory: worker.memory, disk: worker.disk },
      executor: engine,
      prices: { USDC: worker.usdc, CLOI: worker.cloi },
      attributes: { region: worker.region },
      verifier: true,
      keySeat: index,
      images: {
        layouts: ['../../images'],
        folder: `../../${UNPACKED}`,
        trustedRegistries: ['localhost:5000', '127.0.0.1:5000'],
      },
      tcpPorts: { first, last: first + TCP_PORTS - 1 },
      settleEverySeconds: 600,
    }),
  )
  const config = loadAgentConfig(path)
  const provider = connectWallet(network, developmentAccount(network, DEVELOPMENT_ROLES.providers[index]))
  const anybody = connectWallet(network, developmentAccount(network, DEVELOPMENT_ROLES.faucet))
  await Promise.all([
    enrolWorker(provider, loadWorkerKey(config.folder), config),
    registerPlatform(anybody, config, join(folder, ATTESTATION_FOLDER)),
  ])
  return path
}

/** Registers a worker's simulated machine, which the worker would wait a block for. */
async function registerPlatform(wallet: Wallet, config: AgentConfig, rootFolder: string): Promise<void> {
  const machine = await developmentSource(config.folder, rootFolder, config.capacity)
  const { quote } = await machine.quote(new Uint8Array(64))
  await ensurePlatform(wallet, quote)
}

/**
 * Puts a provider's own CLOI into its pool, so that others can follow, unless it has some there or the chain
 * says that it had.
 */
export async function backPool(network: Network, index: 0 | 1 | 2): Promise<void> {
  const wallet = connectWallet(network, developmentAccount(network, DEVELOPMENT_ROLES.providers[index]))
  const provider = wallet.account.address
  if ((await getPosition(wallet, provider, provider)).shares > 0n) return
  const before = await wallet.client.getContractEvents({
    address: network.contracts.stake,
    abi: STAKE_ABI,
    eventName: 'Delegated',
    args: { provider, account: provider },
    fromBlock: BigInt(network.deployedAt),
  })
  if (before.length === 0) await delegate(wallet, provider, WORKERS[index].stake * 10n ** 18n)
}

/** One worker's process, started from its configuration file. */
export function workerDaemon({ folder, ports }: Settings, index: 0 | 1 | 2, config: string): DaemonSettings {
  return {
    name: WORKERS[index].name,
    command: [...NODE, COMMAND_LINE, 'provider', 'run', '--config', config, '--json'],
    folder: join(folder, 'logs'),
    probe: { url: `https://127.0.0.1:${ports.workers[index]}/health` },
    channel: true,
    stopSignal: 'SIGTERM',
    stopMs: 60_000,
  }
}
