import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  type AgentConfig,
  enrolWorker,
  type Log,
  loadAgentConfig,
  loadWorkerKey,
  machinesOf,
  type RunningWorker,
  startWorker,
} from '@cloister/agent'
import type { Wallet } from '@cloister/chain'
import { loadNetwork } from '@cloister/chain/node'
import { startSwarm, type TestEngine, type TestSwarm } from '@cloister/development/engines'
import { openDevelopmentSource } from '@cloister/development/evidence'
import type { Address, LocalAccount } from 'viem'

/** Where the other machine has its door, in a network of its own. */
const NODE_PORT = 7090
/** Where the other machine reaches the chain, at this machine's address. */
const CHAIN_PORT = 8545
/** How long a node may take to start and to be attested, on a busy machine. */
const LENT_MS = 120_000
const COMMAND_LINE = fileURLToPath(import.meta.resolve('cloister'))

/** How a worker of two machines is set up. */
export interface TwoMachinesOptions {
  /** An empty folder, which keeps its configurations and state. */
  folder: string
  /** Description of the development network that it joins. */
  networkFile: string
  /** Keeps the network's development root. */
  rootFolder: string
  /** Whose worker it is. */
  provider: Wallet
  /** What else the worker's configuration says. */
  config: object
  log?: Log
}

/** A worker of two machines in a Docker Swarm: this one manages it, the other has a network of its own. */
export interface TwoMachines {
  worker: Address
  config: AgentConfig
  /** The worker, which runs in this process. */
  running: RunningWorker
  /** The other machine's own. */
  nodeKey: LocalAccount
  swarm: TestSwarm
  /** Stops the node's agent as Ctrl-C does, and waits for its end. */
  stopNode(): Promise<void>
  /** Starts the node's agent again, once it has ended. */
  startNode(): void
  stop(): Promise<void>
}

/**
 * Starts two Docker daemons that form a Swarm, a node of `cloister provider node` on one, and the worker that
 * lends both. Needs root.
 */
export async function startTwoMachines(options: TwoMachinesOptions): Promise<TwoMachines> {
  const { folder, networkFile, rootFolder, provider } = options
  const undo: (() => unknown)[] = []
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    const swarm = await startSwarm()
    undo.push(() => swarm.stop())
    const network = loadNetwork(networkFile)
    const relay = await relayTo(network.rpcUrl, swarm.managerAddress)
    undo.push(() => relay.close())
    const awayFile = join(folder, 'network-away.json')
    const chainAway = `${swarm.managerAddress}:${CHAIN_PORT}`
    const ws = network.wsUrl === undefined ? {} : { wsUrl: `ws://${chainAway}` }
    writeFileSync(awayFile, JSON.stringify({ ...network, rpcUrl: `http://${chainAway}`, ...ws }))

    const evidence = { source: 'development', rootFolder }
    const manager = loadWorkerKey(join(folder, 'manager'))
    const nodeFile = join(folder, 'node.yaml')
    const node = write(nodeFile, {
      name: 'node',
      folder: 'node',
      network: awayFile,
      listen: { host: swarm.nodeAddress, port: NODE_PORT },
      endpoint: `https://${swarm.nodeAddress}:${NODE_PORT}`,
      capacity: { cpus: 4, memory: '1GiB', disk: '8GiB' },
      executor: { engine: 'docker', socket: swarm.node.socketPath },
      manager: manager.address,
      prices: {},
      evidence,
    })
    const nodeKey = loadWorkerKey(node.folder)
    const config = write(join(folder, 'manager.yaml'), {
      name: 'manager',
      folder: 'manager',
      network: networkFile,
      executor: {
        engine: 'swarm',
        socket: swarm.manager.socketPath,
        encrypted: false,
        nodes: [{ worker: nodeKey.address.toLowerCase(), at: `${swarm.nodeAddress}:${NODE_PORT}` }],
      },
      evidence,
      ...options.config,
    })
    await enrolWorker(provider, manager, config)
    await enrolWorker(provider, nodeKey, node)
    let agent = startNodeAgent(swarm.enter, nodeFile)
    const stopNode = () => endOf(agent)
    const startNode = () => {
      agent = startNodeAgent(swarm.enter, nodeFile)
    }
    undo.push(stopNode)
    const running = await startWorker(config, options.log ?? (() => {}), openDevelopmentSource)
    undo.push(() => running.stop())
    await untilBothAreLent(config)
    return { worker: manager.address, config, running, nodeKey, swarm, stopNode, startNode, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Waits until both machines are covered, so that they may have containers. */
async function untilBothAreLent(config: AgentConfig): Promise<void> {
  for (const end = Date.now() + LENT_MS; ; await delay(500)) {
    const machines = await machinesOf(config)
    if (machines.filter(({ isLabelled }) => isLabelled).length === 2) return
    if (Date.now() > end) throw new Error('the node of the Swarm does not come up')
  }
}

/** Names of leases' containers that an engine has. */
export function containersOn(engine: TestEngine): string[] {
  return dockerOf(engine, 'ps', '--all', '--format', '{{.Label "network.cloister.name"}}')
    .split('\n')
    .filter(Boolean)
    .sort()
}

/** Runs `docker …` on an engine, and gives what it prints. */
export function dockerOf({ socketPath }: TestEngine, ...words: string[]): string {
  return execFileSync('docker', ['-H', `unix://${socketPath}`, ...words], { encoding: 'utf8' })
}

/** Has whoever connects to `host` reach the chain, which listens on loopback. */
async function relayTo(rpcUrl: string, host: string): Promise<Server> {
  const port = Number(new URL(rpcUrl).port)
  const relay = createServer((socket) => {
    const there = connect(port, '127.0.0.1')
    socket.pipe(there).pipe(socket)
    const end = () => [socket, there].map((one) => one.destroy())
    for (const one of [socket, there]) one.on('error', end)
  })
  await new Promise<void>((done) => relay.listen(CHAIN_PORT, host, done))
  return relay
}

function write(path: string, config: { folder: string; [name: string]: unknown }): AgentConfig {
  mkdirSync(join(path, '..', config.folder), { recursive: true })
  writeFileSync(path, JSON.stringify(config))
  return loadAgentConfig(path)
}

function startNodeAgent(enter: readonly string[], file: string): ChildProcess {
  const [program = '', ...words] = [...enter, process.execPath, COMMAND_LINE]
  return spawn(program, [...words, 'provider', 'node', '-c', file, '--json'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((done) => child.once('exit', done))
  child.kill('SIGINT')
  await ended
}
