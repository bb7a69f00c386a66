import { chmod, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { connectWallet, departWorker, getWorker } from '@cloister/chain'
import { loadNetwork } from '@cloister/chain/node'
import { CloisterError, messageOf } from '@cloister/core'
import { DockerExecutor, type Executor, SandboxExecutor } from '@cloister/executors'
import { fetchAppKeys } from '@cloister/key-service/client'
import type { Address } from 'viem'
import { serveWorker } from './api/server.ts'
import { serverIdentity } from './api/tls.ts'
import type { Worker } from './api/worker.ts'
import { Attestor } from './attestation.ts'
import { Bidder } from './bidding/bidder.ts'
import type { AgentConfig } from './config.ts'
import { watchDisks } from './disk-watch.ts'
import { type OpenSource, openEvidenceSource } from './evidence/open.ts'
import { WorkerProver } from './evidence/prover.ts'
import { LeaseSupervisor } from './leases/supervisor.ts'
import { watchLeases } from './leases/watcher.ts'
import type { Log } from './log.ts'
import { meter } from './metering.ts'
import { within } from './patience.ts'
import { keepClaiming } from './rewards.ts'
import { loadSealingSecret } from './sealing-secret.ts'
import { LeaseSecrets } from './secrets/lease-secrets.ts'
import { Sequence } from './sending.ts'
import { Settlement } from './settlement.ts'
import { Store } from './store.ts'
import { loadTlsKey } from './tls-key.ts'
import { GpuConfirmation } from './verdicts/confirm.ts'
import { Verifier } from './verdicts/verifier.ts'
import { loadWorkerKey } from './worker-key.ts'
import { agentApi } from './workload/agent-api.ts'
import { AgentSockets } from './workload/agent-sockets.ts'

/** Milliseconds that the watch over the chain waits for one lease to be looked at. */
const TOUCH_MS = 10_000

/** A worker that was started. */
export interface RunningWorker {
  worker: Worker
  port: number
  /** Ends all containers and the worker's coverage, so that nobody pays for the time it is away. */
  stop(): Promise<void>
}

/**
 * Starts a worker: takes up its leases, opens its interface and keeps itself attested. Throws
 * `not-registered` where its key is no provider's worker, `no-evidence` where the machine can't prove what
 * it is, `no-engine` where there is nothing to run containers with, `port-taken`, and `reverted` with the
 * contract's reason where its evidence is refused. `openSource` opens evidence of machines that the agent
 * doesn't know, which simulated ones are.
 */
export async function startWorker(
  config: AgentConfig,
  log: Log,
  openSource?: OpenSource,
): Promise<RunningWorker> {
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
  const executor = await openExecutor(config, key.address)
  const store = new Store(join(config.folder, 'worker.db'))
  const sequence = new Sequence()
  const tlsKey = loadTlsKey(config.folder)
  const binding = { provider: registered.provider, worker: key.address, tlsKeyHash: tlsKey.hash }
  const prover = new WorkerProver({ network, key, source, binding })
  const secrets = new LeaseSecrets((run, envelope) =>
    fetchAppKeys(wallet, (purpose) => prover.prove(purpose), run, envelope),
  )
  const sealingSecret = loadSealingSecret(config.folder)
  const sockets = new AgentSockets(
    sealingSecret,
    agentApi({
      chain: wallet,
      key,
      keySeat: config.keySeat,
      prover,
      receipts: store.receipts,
      sealingSecret,
      log,
    }),
  )
  const supervisor = new LeaseSupervisor({ config, store, executor, wallet, secrets, sockets, log })
  const settlement = new Settlement({ wallet, supervisor, sequence, everySeconds: config.settleEverySeconds })
  const attestor = new Attestor({
    settlement,
    wallet,
    key,
    provider: registered.provider,
    source,
    tlsKeyHash: tlsKey.hash,
    sequence,
    log,
  })
  const verifier = config.verifier
    ? new Verifier({ chain: wallet, key, provider: registered.provider })
    : undefined
  const bidder = new Bidder({
    config,
    network,
    store,
    key,
    attestor,
    separateNetworks: executor.separateNetworks,
  })
  const worker: Worker = {
    config,
    network,
    chain: wallet,
    key,
    store,
    executor,
    supervisor,
    bidder,
    attestor,
    verifier,
    log,
  }
  const aborter = new AbortController()
  const { signal } = aborter

  await attestor.begin()
  await supervisor.resume()
  // Over https: what tenants reach ends here, in the attested machine, and nowhere before.
  const identity = config.endpoint.startsWith('https:')
    ? () => serverIdentity(attestor, tlsKey.pem, config.endpoint)
    : undefined
  const server = await serveWorker(worker, await identity?.())
  const confirmation = {
    wallet,
    key,
    provider: registered.provider,
    tlsKeyHash: tlsKey.hash,
    source,
    sequence,
    log,
  }
  const gpus = new GpuConfirmation(confirmation, signal)
  const confirm = () => {
    if (config.capacity.gpus > 0 && attestor.latest) gpus.begin(attestor.latest.block)
  }
  confirm()
  attestor.onRenewed(() => {
    confirm()
    identity?.().then(server.identify, (error) =>
      log('warn', 'the TLS certificate could not be renewed', { error: messageOf(error) }),
    )
  })
  const loops = [
    watchLeases({
      chain: wallet,
      worker: key.address,
      store,
      log,
      isMine: (id) => store.lease(id) !== undefined,
      // One lease that is hard to wipe keeps nobody from hearing of the others.
      touched: (id, closer) => within(supervisor.refresh(id, closer), TOUCH_MS, signal),
      signal,
    }),
    attestor.keep(signal),
    meter({ wallet, store, supervisor, sequence, log, settlement, signal }),
    watchDisks({ executor, supervisor, log, signal }),
    keepClaiming({ wallet, provider: registered.provider, config: config.rewards, sequence, log }, signal),
  ]
  log('info', `the worker is open for leases on port ${server.port}`, {
    worker: key.address,
    engine: executor.isolation.engine,
    evidence: source.name,
  })
  return {
    worker,
    port: server.port,
    stop: async () => {
      aborter.abort()
      await server.close()
      await Promise.all(loops)
      await settlement
        .settleAll()
        .catch((error) => log('warn', 'the last settlement failed', { error: messageOf(error) }))
      await supervisor.halt()
      await sequence
        .run(() => departWorker(wallet, key.address))
        .catch((error) => log('warn', 'coverage could not be ended', { error: messageOf(error) }))
      await executor.close()
      store.close()
      log('info', 'the worker has stopped')
    },
  }
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

function openExecutor(config: AgentConfig, worker: Address): Promise<Executor> {
  const images = { layouts: config.images.layouts, trustedRegistries: config.images.trustedRegistries }
  const imageFolder = config.images.folder ?? join(config.folder, 'images')
  const { allow, ...limits } = config.internet
  const wayOut = allow ? limits : 'off'
  if (config.executor.engine === 'sandbox')
    return SandboxExecutor.open({ folder: join(config.folder, 'sandbox'), imageFolder, images, wayOut })
  // By its key, not its name: two workers of one name may share an engine, and each removes what it doesn't
  // know.
  return DockerExecutor.connect({
    socketPath: config.executor.socket,
    scope: worker.slice(2, 14).toLowerCase(),
    folder: join(config.folder, 'docker'),
    images,
    wayOut,
  })
}
