import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DevelopmentRoot } from '@cloister/attest/devnet'
import { connectChain, type Network } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { SandboxExecutor } from '@cloister/executors'
import { packedProgram } from '@cloister/packed'
import { IndexClient } from '@cloister/sdk'
import { type Collateral, serveCollateral } from './collateral.ts'
import { ATTESTATION_FOLDER, ensureContracts, fundTenants } from './contracts.ts'
import { Daemon, NODE } from './daemon.ts'
import { buildExampleImage, type Example, ensureExample } from './example.ts'
import { ensureKeyService } from './key-service.ts'
import { isFree, loadSettings, type Settings } from './settings.ts'
import { labelWorkers, loadWitness } from './witness.ts'
import { backPool, chooseEngine, type Engine, prepareWorker, WORKERS, workerDaemon } from './workers.ts'

export interface NetworkOptions {
  /** Keeps everything. */
  folder: string
  /** Throw away what was there. */
  fresh: boolean
  /** Ports nobody else would use, for tests. */
  freePorts?: boolean
  /** Leave the key service out; nothing can be sealed then. For tests of something else. */
  withoutKeys?: boolean
  /** Told what is happening. */
  onStep?: (step: string, detail: string) => void
  /** Told when a daemon ended by itself and is started again. */
  onRestart?: (daemon: string) => void
}

/** A whole network in one process tree. */
export interface EmbeddedNetwork {
  network: Network
  settings: Settings
  engine: Engine
  example: Example
  /** By name: chain, indexer, gateway, oak, elm, ash. */
  daemons: Map<string, Daemon>
  /** Resolves when secrets can be sealed; the network is up before. Rejects with why they can't. */
  keys: Promise<void>
  /** Starts an instance of the key service for each seat that is free. */
  fillSeats(): Promise<void>
  stop(): Promise<void>
}

const CHAIN = packedProgram(join(import.meta.dirname, 'chain/main.ts'))
const INDEXER = packedProgram(fileURLToPath(import.meta.resolve('@cloister/indexer/daemon')))
const GATEWAY = packedProgram(fileURLToPath(import.meta.resolve('@cloister/gateway/daemon')))

/**
 * Starts chain, contracts, indexer, gateway and three workers, and deploys the example; or takes all of it up again where it
 * was left. Throws `already-running`, `port-taken`, `no-engine` or `daemon-failed`; what was started is stopped then.
 */
export async function startNetwork(options: NetworkOptions): Promise<EmbeddedNetwork> {
  const folder = resolve(options.folder)
  const step = options.onStep ?? (() => {})
  const restarted = options.onRestart ?? (() => {})
  const daemons = new Map<string, Daemon>()
  const unlock = lock(folder)
  let collateral: Collateral | undefined
  const stopping = new AbortController()
  let keys: Promise<void> = Promise.resolve()
  const stop = async () => {
    // A deployment that is under way is left to itself: the next start picks it up.
    stopping.abort()
    // Workers first: they settle and end their coverage on the chain.
    await Promise.all([...daemons.entries()].filter(([name]) => !['chain', 'indexer', 'gateway'].includes(name)).map(([, daemon]) => daemon.stop()))
    // A worker that crashed just before could not end its containers.
    await eachSandboxedLease(folder, (sandbox, lease) => sandbox.halt(lease))
    await Promise.all(['gateway', 'indexer'].map((name) => daemons.get(name)?.stop()))
    await daemons.get('chain')?.stop()
    await collateral?.close()
    unlock()
  }
  try {
    if (options.fresh) await wipe(folder)
    const settings = await loadSettings(folder, { freePorts: options.freePorts === true })
    await checkPorts(settings)
    const engine = await chooseEngine(folder)
    const launch = async (daemon: Daemon) => {
      daemons.set(daemon.settings.name, daemon)
      await daemon.start()
    }

    step('chain', `anvil on port ${settings.ports.chain}, with a journal`)
    const image = buildExampleImage(folder)
    image.catch(() => {})
    await launch(
      new Daemon({
        name: 'chain',
        command: [...NODE, CHAIN, join(folder, 'chain'), String(settings.ports.chain)],
        folder: join(folder, 'logs'),
        isUp: () => chainAnswers(settings.ports.chain),
        channel: true,
        stopSignal: 'SIGTERM',
        stopMs: 10_000,
        restarted,
      }),
    )

    step('contracts', 'Token, Platforms, Workers, Market, Stake, Emission and four more; a development attestation root')
    const root = await DevelopmentRoot.open(join(folder, ATTESTATION_FOLDER))
    collateral = await serveCollateral(root, settings.ports.collateral)
    const witness = await loadWitness(join(folder, ATTESTATION_FOLDER))
    const network = await ensureContracts(settings, root, witness)

    step('daemons', 'indexer, gateway; three providers register their workers, which attest')
    const logs = join(folder, 'logs')
    const networkFile = join(folder, 'network.json')
    const answers = (url: string) => async () => (await fetch(`${url}/health`, { signal: AbortSignal.timeout(500) })).ok
    const common = { folder: logs, channel: true, stopSignal: 'SIGTERM', stopMs: 10_000, restarted } as const
    await Promise.all([
      launch(
        new Daemon({
          ...common,
          name: 'indexer',
          // PGlite compiled in full takes 300 MB more than it is worth on one machine.
          command: [
            ...NODE,
            '--liftoff-only',
            INDEXER,
            '--network',
            networkFile,
            '--database',
            join(folder, 'index'),
            '--port',
            String(settings.ports.indexer),
          ],
          isUp: answers(network.indexerUrl),
        }),
      ),
      launch(
        new Daemon({
          ...common,
          name: 'gateway',
          command: [
            ...NODE,
            GATEWAY,
            '--network',
            networkFile,
            '--host',
            '127.0.0.1',
            '--port',
            String(settings.ports.gateway),
            '--ports',
            join(folder, 'gateway-ports.json'),
          ],
          isUp: answers(network.gatewayUrl),
        }),
      ),
      fundTenants(network),
      ...([0, 1, 2] as const).map(async (index) => {
        const config = await prepareWorker(settings, network, index, engine)
        await Promise.all([launch(workerDaemon(settings, index, config, restarted)), backPool(network, index)])
      }),
    ])

    step('example', 'deploying examples/hello')
    await image
    await untilIndexed(network)
    await labelWorkers(settings, network.indexerUrl, collateral, witness)
    const example = await ensureExample(network)
    const fillSeats = () => ensureKeyService(network, folder, stopping.signal)
    if (!options.withoutKeys) keys = fillSeats()
    keys.catch(() => {})
    return { network, settings, engine, example, daemons, keys, fillSeats, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Whether the chain answers. Throws where nobody does. */
async function chainAnswers(port: number): Promise<boolean> {
  const asked = { method: 'POST', body: '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}', signal: AbortSignal.timeout(500) }
  return (await fetch(`http://127.0.0.1:${port}`, asked)).ok
}

async function untilIndexed(network: Network): Promise<void> {
  const index = new IndexClient(network.indexerUrl)
  const wanted = Number(await connectChain(network).client.getBlockNumber())
  for (let i = 0; i < 300; i++) {
    const { block } = await index.status()
    if (block >= wanted && (await index.workers({ covered: true })).length >= 3) return
    await new Promise((done) => setTimeout(done, 50))
  }
  throw new CloisterError('daemon-failed', 'The index does not catch up with the chain.', { hint: 'Begin anew with `npm start -- --fresh`.' })
}

/** Does something with every lease that a worker's sandbox holds anything of. */
async function eachSandboxedLease(folder: string, action: (sandbox: SandboxExecutor, lease: string) => Promise<void>): Promise<void> {
  for (const { name } of WORKERS) {
    const own = join(folder, 'workers', name, 'sandbox')
    if (!existsSync(own)) continue
    const sandbox = await SandboxExecutor.open({ folder: own, imageFolder: join(folder, 'unpacked'), images: { layouts: [], trustedRegistries: [] } }).catch(
      () => undefined,
    )
    for (const lease of (await sandbox?.leases()) ?? []) if (sandbox) await action(sandbox, lease)
    await sandbox?.close()
  }
}

/** Containers that a start which was killed left behind are ended before their folders go. */
async function wipe(folder: string): Promise<void> {
  await eachSandboxedLease(folder, (sandbox, lease) => sandbox.destroy(lease))
  // Unpacked images hold nothing that a new network couldn't use.
  for (const part of ['chain', 'chain.json', 'network.json', 'index', 'gateway-ports.json', 'ports.json', 'workers', 'logs', ATTESTATION_FOLDER])
    rmSync(join(folder, part), { recursive: true, force: true })
}

async function checkPorts({ ports, folder }: Settings): Promise<void> {
  const all = {
    chain: ports.chain,
    indexer: ports.indexer,
    gateway: ports.gateway,
    collateral: ports.collateral,
    oak: ports.workers[0],
    elm: ports.workers[1],
    ash: ports.workers[2],
  }
  for (const [name, port] of Object.entries(all))
    if (!(await isFree(port)))
      throw new CloisterError('port-taken', `Port ${port}, which ${name} had, is taken by another program.`, {
        hint: `End that program, or begin anew with \`npm start -- --fresh\` (state is in ${folder}).`,
      })
}

/** One start at a time per folder. */
function lock(folder: string): () => void {
  const path = `${folder}.lock`
  mkdirSync(dirname(folder), { recursive: true })
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' })
      return () => rmSync(path, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      if (isAlive(path))
        throw new CloisterError('already-running', `The network in ${folder} is running already.`, { hint: 'End it with Ctrl-C in its terminal.' })
      rmSync(path, { force: true })
    }
  }
  throw new CloisterError('already-running', `The network in ${folder} is being started by somebody else.`)
}

function isAlive(path: string): boolean {
  try {
    const pid = Number(readFileSync(path, 'utf8'))
    return pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('node')
  } catch {
    return false
  }
}
