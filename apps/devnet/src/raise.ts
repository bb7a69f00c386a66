import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { connectChain, type Network } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { DevelopmentRoot, signDocuments } from '@cloister/development/root'
import { prepareDatabase } from '@cloister/indexer/database'
import { buildInferenceImage } from '@cloister/inference'
import { IndexClient } from '@cloister/sdk'
import { ensureLayer1 } from './below.ts'
import { ATTESTATION_FOLDER, believeDoor, ensureContracts, fundTenants, LEAVES_FILE } from './contracts.ts'
import { chainDaemons, gatewayDaemon, hubDaemon, indexerDaemon, indexFolder } from './daemons.ts'
import { buildExampleImage, type Example, ensureExample } from './example.ts'
import { buildKeyService, ensureKeyService } from './key-service.ts'
import { ensureModel, type ServedModel } from './model.ts'
import { isFree } from './ports.ts'
import { eachSandboxedLease } from './sandboxed-leases.ts'
import { loadSettings, type Settings } from './settings.ts'
import type { Supervision } from './supervisor.ts'
import { labelWorkers, loadWitness } from './witness.ts'
import { backPool, chooseEngine, type Engine, prepareWorker, workerDaemon } from './workers.ts'

export interface NetworkOptions {
  /** Keeps everything; an absolute path. */
  folder: string
  /** Throw away what was there. */
  fresh: boolean
  /** A layer 1 below the network's chain; a network that has one keeps it without being told. */
  layer2?: boolean
  /** Ports nobody else would use, for tests. */
  freePorts?: boolean
  /** Leave the key service out; nothing can be sealed then. For tests of something else. */
  withoutKeys?: boolean
  /** Serve the tiny model as well, once the example runs. Its engine is downloaded, the first time. */
  model?: boolean
  /** What workers run containers with; the sandbox, where the kernel allows it, if not given. */
  engine?: Engine
  /** Told what is happening. */
  onStep?: (step: string, detail: string) => void
}

/** A network that is up. */
export interface RaisedNetwork {
  network: Network
  settings: Settings
  engine: Engine
  example: Example
  /** Resolves when secrets can be sealed; the network is up before. Rejects with why they can't. */
  keys: Promise<void>
  /** Resolves when the model answers; undefined where none was asked for. Rejects with why it can't. */
  model: Promise<ServedModel | undefined>
  /** Starts an instance of the key service for each seat that is free. */
  fillSeats(): Promise<void>
}

/**
 * Has chain, contracts, indexer, gateway and three workers started, and deploys the example; or takes all of
 * it up again where it was left. The signal ends what goes on once it is up. Throws `port-taken`,
 * `no-engine` or `daemon-failed`; what was started is left to the supervisor then.
 */
export async function raiseNetwork(
  supervision: Supervision,
  options: NetworkOptions,
  signal: AbortSignal,
): Promise<RaisedNetwork> {
  const { folder } = options
  const step = options.onStep ?? (() => {})
  if (options.fresh) await wipe(folder)
  const settings = await loadSettings(folder, (port) => supervision.claim(port), {
    freePorts: options.freePorts === true,
    layer2: options.layer2 === true,
  })
  await checkPorts(settings)

  step('chain', `anvil on port ${settings.ports.chain}, with a journal`)
  // Begun here and awaited where they are needed.
  const image = buildExampleImage(folder)
  // All of these images have Node in them, which is packed once.
  const keyService = options.withoutKeys
    ? Promise.resolve(undefined)
    : image.then(() => buildKeyService(folder))
  const door = options.model
    ? Promise.all([image, keyService]).then(() => buildInferenceImage(join(folder, 'images')))
    : Promise.resolve(undefined)
  // Where it can't be made, the index will say why.
  const database = prepareDatabase(indexFolder(settings)).catch(() => {})
  const opening = openRoot(folder)
  const choosing = options.engine ? Promise.resolve(options.engine) : chooseEngine(folder)
  for (const begun of [image, keyService, door, opening, choosing]) begun.catch(() => {})
  await Promise.all(chainDaemons(settings).map((daemon) => supervision.launch(daemon)))

  step(
    'contracts',
    'Token, Platforms, Workers, Market, Stake, Emission and four more; a development attestation root',
  )
  const { root, documents, witness } = await opening
  await supervision.serveEndorsements(settings.ports.endorsements, documents)
  const deployed = await ensureContracts(settings, root, witness, await keyService)
  if (settings.ports.layer1 !== undefined)
    step('layer 1', 'the OP Stack’s contracts, below the network’s chain')
  const described = settings.ports.layer1 === undefined ? deployed : await ensureLayer1(settings, deployed)
  const doorDigest = await door
  const network = doorDigest ? believeDoor(folder, described, doorDigest) : described
  // It takes longest to begin, and the next blocks leave time for it.
  const indexing = database.then(() => supervision.launch(indexerDaemon(settings)))
  indexing.catch(() => {})

  step('daemons', 'indexer, gateway; three providers register their workers, which attest')
  const engine = await choosing
  const workers = await Promise.all(
    ([0, 1, 2] as const).map(async (index) =>
      workerDaemon(settings, index, await prepareWorker(settings, network, index, engine)),
    ),
  )
  await Promise.all([
    ...workers.map((worker) => supervision.launch(worker)),
    indexing,
    supervision.launch(gatewayDaemon(settings)),
    network.contracts.ballots && supervision.launch(hubDaemon(settings)),
    fundTenants(network),
    ...([0, 1, 2] as const).map((index) => backPool(network, index)),
  ])

  step('example', 'deploying examples/hello')
  await image
  await untilIndexed(network)
  await labelWorkers(settings, network.indexerUrl, supervision, witness)
  const example = await ensureExample(network)
  const fillSeats = async () => {
    const manifest = await keyService
    if (manifest) await ensureKeyService(network, manifest, signal)
  }
  const keys = fillSeats()
  keys.catch(() => {})
  const model = doorDigest ? ensureModel(network, folder, doorDigest, signal) : Promise.resolve(undefined)
  model.catch(() => {})
  return { network, settings, engine, example, keys, model, fillSeats }
}

/** The development root with what it signs, and the witness of places. */
async function openRoot(folder: string) {
  const own = join(folder, ATTESTATION_FOLDER)
  const root = await DevelopmentRoot.open(own)
  return { root, documents: await signDocuments(root), witness: await loadWitness(own) }
}

async function untilIndexed(network: Network): Promise<void> {
  const index = new IndexClient(network.indexerUrl)
  const wanted = Number(await connectChain(network).client.getBlockNumber())
  for (let i = 0; i < 300; i++) {
    const { block } = await index.status()
    if (block >= wanted && (await index.workers({ covered: true })).length >= 3) return
    await new Promise((done) => setTimeout(done, 50))
  }
  throw new CloisterError('daemon-failed', 'The index does not catch up with the chain.', {
    hint: 'Begin anew with `npm start -- --fresh`.',
  })
}

/** Containers that a start which was killed left behind are ended before their folders go. */
async function wipe(folder: string): Promise<void> {
  await eachSandboxedLease(folder, (sandbox, lease) => sandbox.destroy(lease))
  // Unpacked images hold nothing that a new network couldn't use.
  for (const part of [
    'chain',
    'layer1',
    'chain.json',
    'network.json',
    LEAVES_FILE,
    'index',
    'hub',
    'gateway-ports.json',
    'ports.json',
    'workers',
    'logs',
    ATTESTATION_FOLDER,
  ])
    rmSync(join(folder, part), { recursive: true, force: true })
}

async function checkPorts({ ports, folder }: Settings): Promise<void> {
  const all = {
    chain: ports.chain,
    ...(ports.layer1 !== undefined && { 'layer 1': ports.layer1 }),
    indexer: ports.indexer,
    gateway: ports.gateway,
    hub: ports.hub,
    endorsements: ports.endorsements,
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
