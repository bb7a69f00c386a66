import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packedProgram } from '@cloister/packed'
import { HUB_FOLDER } from './contracts.ts'
import { type DaemonSettings, NODE } from './daemon.ts'
import type { Settings } from './settings.ts'

const CHAIN = packedProgram(join(import.meta.dirname, 'chain/main.ts'))
const LAYER1 = packedProgram(join(import.meta.dirname, 'chain/layer1-main.ts'))
const LAYER2 = packedProgram(join(import.meta.dirname, 'chain/layer2-main.ts'))
const INDEXER = packedProgram(fileURLToPath(import.meta.resolve('@cloister/indexer/daemon')))
const GATEWAY = packedProgram(fileURLToPath(import.meta.resolve('@cloister/gateway/daemon')))
const HUB = packedProgram(fileURLToPath(import.meta.resolve('@cloister/ballots/daemon')))
/** Whoever watches a network on their own machine wants it to stop soon. */
const DRAIN = ['--drain', '1']

/** The network's chain, and the layer 1 below it where there is one. */
export function chainDaemons(settings: Settings): DaemonSettings[] {
  const { chain, layer1 } = settings.ports
  if (layer1 === undefined) return [chainDaemon(settings, 'chain', CHAIN, chain)]
  return [
    chainDaemon(settings, 'chain', LAYER2, chain, urlAt(layer1)),
    chainDaemon(settings, 'layer1', LAYER1, layer1, urlAt(chain)),
  ]
}

/** `other` is the chain that it is joined to. */
function chainDaemon(
  { folder }: Settings,
  name: 'chain' | 'layer1',
  program: string,
  port: number,
  ...other: string[]
): DaemonSettings {
  return {
    ...common(folder),
    name,
    command: [...NODE, program, join(folder, name), String(port), ...other],
    probe: { url: urlAt(port), body: '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}' },
  }
}

function urlAt(port: number): string {
  return `http://127.0.0.1:${port}`
}

/** Keeps the index's embedded database. */
export function indexFolder({ folder }: Settings): string {
  return join(folder, 'index')
}

export function indexerDaemon(settings: Settings): DaemonSettings {
  const { folder, ports } = settings
  const words = [
    '--network',
    join(folder, 'network.json'),
    '--database',
    indexFolder(settings),
    '--port',
    String(ports.indexer),
    ...DRAIN,
  ]
  return {
    ...common(folder),
    name: 'indexer',
    // PGlite compiled in full takes 300 MB more than it is worth on one machine.
    command: [...NODE, '--liftoff-only', INDEXER, ...words],
    probe: { url: `http://127.0.0.1:${ports.indexer}/health` },
  }
}

export function gatewayDaemon({ folder, ports }: Settings): DaemonSettings {
  const listen = ['--host', '127.0.0.1', '--port', String(ports.gateway)]
  return {
    ...common(folder),
    name: 'gateway',
    command: [
      ...NODE,
      GATEWAY,
      '--network',
      join(folder, 'network.json'),
      ...listen,
      '--ports',
      join(folder, 'gateway-ports.json'),
      ...DRAIN,
    ],
    probe: { url: `http://127.0.0.1:${ports.gateway}/health` },
  }
}

/** Takes votes, where the network has ballots. */
export function hubDaemon({ folder, ports }: Settings): DaemonSettings {
  const words = ['--network', join(folder, 'network.json'), '--folder', join(folder, HUB_FOLDER)]
  return {
    ...common(folder),
    name: 'hub',
    command: [...NODE, HUB, ...words, '--port', String(ports.hub), '--requests-per-second', '0', ...DRAIN],
    probe: { url: `http://127.0.0.1:${ports.hub}/health` },
  }
}

function common(folder: string) {
  return { folder: join(folder, 'logs'), channel: true, stopSignal: 'SIGTERM', stopMs: 10_000 } as const
}
