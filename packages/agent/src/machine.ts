import { chmod, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { connectWallet, getWorker, type Network, type Wallet } from '@cloister/chain'
import { loadNetwork } from '@cloister/chain/node'
import { CLUSTER_ATTRIBUTE, CloisterError, DOMAINS_ATTRIBUTE } from '@cloister/core'
import {
  DockerExecutor,
  type Executor,
  KubernetesExecutor,
  SandboxExecutor,
  SwarmExecutor,
  type SwarmMember,
} from '@cloister/executors'
import type { Address } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import type { AgentConfig } from './config.ts'
import { type OpenSource, openEvidenceSource } from './evidence/open.ts'
import type { EvidenceSource } from './evidence/source.ts'
import { type InstalledGpu, installedGpus } from './gpus/installed.ts'
import { chooseGpus } from './gpus/lent.ts'
import type { Log, LogLevel } from './log.ts'
import { openNode } from './nodes/dial.ts'
import { lookUpPeer } from './nodes/peer.ts'
import { pinnedBy } from './sent/pinned.ts'
import { SentRoom } from './sent/sent-room.ts'
import { Sequence } from './sequence.ts'
import { Store } from './store.ts'
import { loadTlsKey } from './tls-key.ts'
import { VolumeRoom } from './volumes/volume-room.ts'
import { loadWorkerKey } from './worker-key.ts'

/** What all parts of a worker stand on: its keys, its machine, its store and its way to the chain. */
export interface Machine extends Ground {
  executor: Executor
  sent: SentRoom
  volumes: VolumeRoom
}

/** What any machine of a provider's stands on, whether it runs containers itself or not. */
export interface Ground {
  config: AgentConfig
  network: Network
  key: PrivateKeyAccount
  wallet: Wallet
  /** Whose worker it is, as the chain has it. */
  provider: Address
  source: EvidenceSource
  store: Store
  /** Its transactions go one after the other. */
  sequence: Sequence
  tlsKey: ReturnType<typeof loadTlsKey>
  log: Log
}

/**
 * Opens a worker's machine. Throws `not-registered`, `no-evidence` or `no-engine`. `openSource` opens
 * evidence of machines that the agent doesn't know.
 */
export async function openMachine(config: AgentConfig, log: Log, openSource?: OpenSource): Promise<Machine> {
  const ground = await openGround(config, log, openSource)
  const executor = await openExecutor(ground)
  const sent = new SentRoom(join(config.folder, 'sent'), (tenant) => pinnedBy(ground.store, tenant))
  const volumes = new VolumeRoom(join(config.folder, 'volumes'), ground.store)
  offerAttributes(config, ground.network)
  return { ...ground, executor, sent, volumes }
}

/** Opens what a machine stands on. Throws `not-registered` or `no-evidence`. */
export async function openGround(config: AgentConfig, log: Log, openSource?: OpenSource): Promise<Ground> {
  await keepOthersOut(config.folder)
  const network = loadNetwork(config.network)
  const key = loadWorkerKey(config.folder)
  const wallet = connectWallet(network, key)
  const registered = await getWorker(wallet, key.address)
  if (!registered || registered.retired)
    throw new CloisterError(
      'not-registered',
      `The worker ${key.address} is ${registered ? 'retired' : 'not registered'} on ${network.name}.`,
      {
        hint: { do: 'register-worker' },
      },
    )
  const source = await openEvidenceSource(config, network, openSource)
  const tlsKey = loadTlsKey(config.folder)
  const { provider } = registered
  const store = new Store(join(config.folder, 'worker.db'))
  const sequence = new Sequence()
  return { config, network, key, wallet, provider, source, store, sequence, tlsKey, log }
}

/**
 * Has a worker that serves domains say so: over TLS, where somebody certifies, or on a development network;
 * and one that runs containers in a cluster. The configuration stays one object, whose prices whoever runs
 * the worker may change.
 */
function offerAttributes(config: AgentConfig, { development }: Network): void {
  const serves = config.endpoint.startsWith('https:') && (development || config.domains.acme !== undefined)
  const { name, value } = DOMAINS_ATTRIBUTE
  if (serves) config.attributes = { ...config.attributes, [name]: value }
  if (config.executor.engine === 'kubernetes')
    config.attributes = { ...config.attributes, [CLUSTER_ATTRIBUTE.name]: CLUSTER_ATTRIBUTE.value }
}

/**
 * Other users of this machine may walk through the folder, as users of containers have to, and neither list
 * nor change what is in it.
 */
async function keepOthersOut(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o711 })
  const { mode } = await stat(folder)
  await chmod(folder, mode & 0o711)
}

type ExecutorParts = Pick<Ground, 'config' | 'wallet' | 'key' | 'provider' | 'tlsKey' | 'log'>

async function openExecutor(parts: ExecutorParts): Promise<Executor> {
  const { config, key, log } = parts
  const told = (level: LogLevel, message: string, fields: object) => log(level, message, { ...fields })
  if (config.executor.engine === 'kubernetes') return openCluster(parts, config.executor, told)
  if (config.executor.engine === 'kubelet')
    throw new CloisterError('bad-config', 'This machine is a node of a cluster, and runs nothing itself.', {
      hint: { do: 'run-node' },
    })
  if (config.executor.engine === 'sandbox') {
    const imageFolder = config.images.folder ?? join(config.folder, 'images')
    const { images, wayOut } = settingsOf(config)
    return SandboxExecutor.open({ folder: join(config.folder, 'sandbox'), imageFolder, images, wayOut })
  }
  const { socket: socketPath } = config.executor
  const scope = scopeOf(key.address)
  const local = await openDocker(config, socketPath, scope)
  if (config.executor.engine === 'docker') return local
  const { nodes, encrypted } = config.executor
  const others = await Promise.all(nodes.map((node) => openNode(parts, node)))
  const here: SwarmMember = {
    name: 'this machine',
    engine: local,
    isHere: true,
    refusal: async () => undefined,
  }
  return SwarmExecutor.connect({ socketPath, scope, local, members: [here, ...others], encrypted, told })
}

/** Opens the cluster whose machines are this worker's. Throws `no-engine`. */
function openCluster(
  { config, wallet, key, provider }: ExecutorParts,
  { engine: _, nodes, ...cluster }: Extract<AgentConfig['executor'], { engine: 'kubernetes' }>,
  told: (level: LogLevel, message: string, fields: object) => void,
): Promise<KubernetesExecutor> {
  const { images, wayOut } = settingsOf(config)
  return KubernetesExecutor.connect({
    ...cluster,
    scope: scopeOf(key.address),
    folder: join(config.folder, 'cluster'),
    images,
    isClosed: wayOut === 'off',
    nodes: nodes.map(({ name, worker }) => ({
      name,
      refusal: async () => (await lookUpPeer(wallet, worker, provider)).refusal,
    })),
    told,
  })
}

/**
 * Opens this machine's engine for what `scope` runs. Throws `no-engine`, or `bad-config` where the machine
 * doesn't have the GPUs that are lent.
 */
export async function openDocker(
  config: AgentConfig,
  socketPath: string,
  scope: string,
): Promise<DockerExecutor> {
  const gpus = await lendGpus(config)
  return DockerExecutor.connect({
    socketPath,
    scope,
    folder: join(config.folder, 'docker'),
    ...(gpus && { gpus }),
    ...settingsOf(config),
  })
}

/**
 * Chooses the machine's GPUs that the worker lends, and has the worker say of them what their driver reports;
 * without a driver to ask it is the provider's word. The configuration stays one object.
 */
async function lendGpus(config: AgentConfig): Promise<InstalledGpu[] | undefined> {
  const installed = config.capacity.gpus > 0 ? await installedGpus() : undefined
  if (!installed) return undefined
  const { gpus, attributes } = chooseGpus(config, installed)
  config.attributes = { ...config.attributes, ...attributes }
  return gpus
}

function settingsOf({ images, internet }: AgentConfig) {
  const { allow, ...limits } = internet
  const { layouts, trustedRegistries } = images
  return { images: { layouts, trustedRegistries }, wayOut: allow ? limits : ('off' as const) }
}

/**
 * What tells a worker's containers from others' on an engine. By its key, not its name: two workers of one
 * name may share an engine, and each removes what it doesn't know.
 */
export function scopeOf(worker: Address): string {
  return worker.slice(2, 14).toLowerCase()
}
