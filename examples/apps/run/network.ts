import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { closeLease, connectWallet } from '@cloister/chain'
import { DEVELOPMENT_ROLES, developmentAccount } from '@cloister/development/accounts'
import { startDocker } from '@cloister/development/engines'
import { type EmbeddedNetwork, startNetwork } from '@cloister/devnet'
import { containersOn, startTwoMachines } from '@cloister/devnet/two-machines'
import { IndexClient } from '@cloister/sdk'
import { until } from './app.ts'

/** What apps run on. */
export interface AppNetwork {
  /** Its description. */
  file: string
  /** The worker that they are to run on; any, where none is named. */
  worker?: string
  /** How many containers run on each of the worker's machines, where it has several. */
  spread?(): number[]
  stop(): Promise<void>
}

/** What runs containers on a network that is started for the apps. */
export type AppEngine = 'sandbox' | 'docker' | 'swarm'

/** A development account that has no worker on the embedded network. */
const PROVIDER = 6
/** The last of the three workers of the embedded network leaves these of its 100 ports to us. */
const PORTS_AFTER = 250

/** Starts an embedded network in `folder` whose apps run in containers of `engine`. */
export async function openNetwork(folder: string, engine: AppEngine): Promise<AppNetwork> {
  const state = join(folder, 'state')
  const docker = engine === 'docker' ? await startDocker() : undefined
  const ends = [async () => docker?.stop()]
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    const network = await startNetwork({
      folder: state,
      fresh: false,
      freePorts: true,
      withoutKeys: true,
      ...(docker && { engine: { engine: 'docker', socket: docker.socketPath } }),
    })
    ends.push(() => network.stop())
    // An engine that is ended here would leave its network on this machine.
    if (docker) await closeExample(network)
    const file = join(state, 'network.json')
    if (engine !== 'swarm') return { file, stop }
    const machines = await joinTwoMachines(folder, file, network)
    ends.push(() => machines.stop())
    const { manager, node } = machines.swarm
    const spread = () => [manager, node].map((machine) => containersOn(machine).length)
    return { file, worker: machines.worker, spread, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Closes what the network began with. */
async function closeExample({ network, example }: EmbeddedNetwork): Promise<void> {
  const tenant = connectWallet(network, developmentAccount(network, DEVELOPMENT_ROLES.example))
  await closeLease(tenant, example.status.lease)
}

/** Has a worker of two machines join the network, and waits until the index knows it. */
async function joinTwoMachines(folder: string, networkFile: string, { network, settings }: EmbeddedNetwork) {
  const own = join(folder, 'machines')
  mkdirSync(own)
  const first = settings.ports.tcp + PORTS_AFTER
  // Beside those for leases, which are 50.
  const port = first + 49
  const machines = await startTwoMachines({
    folder: own,
    networkFile,
    rootFolder: join(networkFile, '../attestation'),
    provider: connectWallet(network, developmentAccount(network, PROVIDER)),
    config: {
      listen: { host: '127.0.0.1', port },
      endpoint: `https://127.0.0.1:${port}`,
      capacity: { cpus: 4, memory: '8GiB', disk: '20GiB' },
      prices: { USDC: { cpu: '0.03', memoryGiB: '0.008', diskGiB: '0.0003' } },
      tcpPorts: { first, last: port - 1 },
    },
  })
  const index = new IndexClient(network.indexerUrl)
  await until('the index knows the worker of two machines', async () => {
    const covered = await index.workers({ covered: true })
    return covered.some(({ worker }) => worker.toLowerCase() === machines.worker.toLowerCase())
  })
  return machines
}
