import { departWorker } from '@cloister/chain'
import { CloisterError, messageOf } from '@cloister/core'
import { fetchAppKeys } from '@cloister/key-service/client'
import { LastBlock, Readiness } from '@cloister/operations'
import type { Hex } from 'viem'
import { serveWorker } from './api/server.ts'
import { serverIdentity } from './api/tls.ts'
import type { Worker } from './api/worker.ts'
import { Attestor } from './attestation.ts'
import { Bidder } from './bidding/bidder.ts'
import { Collecting } from './collectors/collecting.ts'
import type { AgentConfig } from './config.ts'
import { openDomains } from './domains/domains.ts'
import type { OpenSource } from './evidence/open.ts'
import { WorkerProver } from './evidence/prover.ts'
import { LeaseSupervisor } from './leases/supervisor.ts'
import type { Log } from './log.ts'
import { type Machine, openMachine } from './machine.ts'
import { LeaseNetworks } from './networks/lease-networks.ts'
import { PARTS } from './parts/index.ts'
import { workerReasons } from './ready.ts'
import { loadSealingSecret } from './sealing-secret.ts'
import { LeaseSecrets } from './secrets/lease-secrets.ts'
import { Settlement } from './settlement.ts'
import { WorkloadTransactions } from './transactions/workload-transactions.ts'
import { Verifier } from './verdicts/verifier.ts'
import { agentApi } from './workload/agent-api.ts'
import { AgentSockets } from './workload/agent-sockets.ts'

/** Milliseconds that requests under way have to end when a worker stops. */
const DRAIN_MS = 10_000
/** The same on a development network, whose people wait for it to stop. */
const DEVELOPMENT_DRAIN_MS = 1_000

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
  given: AgentConfig,
  log: Log,
  openSource?: OpenSource,
): Promise<RunningWorker> {
  if (given.manager !== undefined)
    throw new CloisterError(
      'bad-config',
      `This machine is a node of ${given.manager}, and lends nothing itself.`,
      {
        hint: { do: 'run-node' },
      },
    )
  const machine = await openMachine(given, log, openSource)
  const { config, network, key, wallet, provider, source, executor, store, sent, volumes, sequence, tlsKey } =
    machine
  const supervisor = superviseLeases(machine)
  const settlement = new Settlement({ wallet, supervisor, sequence, everySeconds: config.settleEverySeconds })
  const tlsKeyHash = tlsKey.hash
  const attestor = new Attestor({ settlement, wallet, key, provider, source, tlsKeyHash, sequence, log })
  const { separateNetworks } = executor
  const privateNetworks = executor.privateNetworks !== undefined
  const hasRoomFor = executor.hasRoomFor?.bind(executor)
  const bidding = { config, network, store, key, attestor, separateNetworks, privateNetworks, hasRoomFor }
  const bidder = new Bidder(bidding)
  const verifier = config.verifier ? new Verifier({ chain: wallet, key, provider }) : undefined
  const newest = new LastBlock()
  const collecting = new Collecting(machine, supervisor)
  const networks = executor.privateNetworks && new LeaseNetworks({ machine, supervisor })
  const domains = openDomains(machine, (lease, kind, message) => supervisor.event(lease, kind, message))
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
    settlement,
    collecting,
    domains,
    newest,
    sent,
    networks,
    volumes,
    readiness: new Readiness(async () => workerReasons(attestor, newest)),
    log,
  }
  await attestor.begin()
  executor.onNotice?.(({ lease, message }) => supervisor.notice(lease as Hex, message))
  await executor.begin?.()
  await supervisor.resume()
  // Over https: what tenants reach ends here, in the attested machine, and nowhere before.
  const isSecure = config.endpoint.startsWith('https:')
  const identity = isSecure ? await serverIdentity(attestor, tlsKey.pem, config.endpoint) : undefined
  const server = await serveWorker(worker, identity)
  const aborter = new AbortController()
  const { identify } = server
  const ground = {
    machine,
    supervisor,
    settlement,
    attestor,
    collecting,
    domains,
    networks,
    newest,
    identify,
  }
  const running = PARTS.map((make) => make(ground).start(aborter.signal))
  log('info', `the worker is open for leases on port ${server.port}`, {
    worker: key.address,
    engine: executor.isolation.engine,
    evidence: source.name,
  })
  return {
    worker,
    port: server.port,
    stop: async () => {
      worker.readiness.stop()
      aborter.abort()
      await server.drain(network.development ? DEVELOPMENT_DRAIN_MS : DRAIN_MS)
      await Promise.all(running)
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

/** What runs leases: with their secrets, and with the agent's sockets in their containers. */
function superviseLeases(machine: Machine): LeaseSupervisor {
  const { config, network, key, wallet, provider, source, executor, store, sent, volumes, tlsKey, log } =
    machine
  const binding = { provider, worker: key.address, tlsKeyHash: tlsKey.hash }
  const prover = new WorkerProver({ network, key, source, binding })
  const secrets = new LeaseSecrets((run, envelope) =>
    fetchAppKeys(wallet, (purpose) => prover.prove(purpose), run, envelope),
  )
  const sealingSecret = loadSealingSecret(config.folder)
  const { receipts, workloadGas: budget } = store
  const { era } = receipts
  const { sequence } = machine
  const limits = config.transactions
  const transactions = new WorkloadTransactions({ wallet, sequence, budget, limits, era })
  const { keySeat } = config
  const api = agentApi({ chain: wallet, key, keySeat, prover, receipts, transactions, sealingSecret, log })
  const sockets = new AgentSockets(sealingSecret, api)
  return new LeaseSupervisor({ config, store, executor, sent, volumes, wallet, secrets, sockets, log })
}
