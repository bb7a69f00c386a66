import { departWorker } from '@cloister/chain'
import { CloisterError, loop, messageOf } from '@cloister/core'
import type { NodeEngine } from '@cloister/executors'
import { serverIdentity } from '../api/tls.ts'
import { Attestor } from '../attestation.ts'
import type { AgentConfig } from '../config.ts'
import type { OpenSource } from '../evidence/open.ts'
import type { Log } from '../log.ts'
import { openDocker, openGround, scopeOf } from '../machine.ts'
import { openNodeDoor } from './door.ts'
import { lookUpPeer } from './peer.ts'

const LOOK_MS = 5_000

/** A node that was started. */
export interface RunningNode {
  /** Where its door is; 0 for a node of a cluster, which has none. */
  port: number
  /** Ends all containers and the node's coverage. */
  stop(): Promise<void>
}

/**
 * Starts a node: a machine that keeps itself attested as a worker does, lends nothing itself, and runs what
 * its manager, a worker of the same provider's, has it run. Throws as `startWorker` does.
 */
export async function startNode(
  config: AgentConfig,
  log: Log,
  openSource?: OpenSource,
): Promise<RunningNode> {
  const { manager, executor: chosen } = config
  if (manager === undefined || (chosen.engine !== 'docker' && chosen.engine !== 'kubelet'))
    throw new CloisterError(
      'bad-config',
      'The configuration names no `manager`, so that this machine is no node.',
      {
        hint: { do: 'configure-node' },
      },
    )
  const ground = await openGround(config, log, openSource)
  const { wallet, key, provider, source, sequence, tlsKey, network, store } = ground
  // In a cluster it is the manager, with the cluster, that runs containers and ends them.
  const engine =
    chosen.engine === 'docker' ? await openDocker(config, chosen.socket, scopeOf(manager)) : undefined
  // Nobody leases a node, so that no lease is settled along with its attestations.
  const settlement = { joinable: async () => [], markSettled: () => {} }
  const parts = { settlement, wallet, key, provider, source, tlsKeyHash: tlsKey.hash, sequence, log }
  const attestor = new Attestor(parts)
  await attestor.begin()
  const identity = () => serverIdentity(attestor, tlsKey.pem, config.endpoint)
  const door =
    engine &&
    (await openNodeDoor({
      listen: config.listen,
      identity: await identity(),
      engine,
      manager: () => lookUpPeer(wallet, manager, provider),
      log,
    }))
  attestor.onRenewed(() => {
    if (!door) return
    identity().then(door.identify, (error) =>
      log('warn', 'the TLS certificate could not be renewed', { error: messageOf(error) }),
    )
  })
  const aborter = new AbortController()
  const running = [
    attestor.keep(aborter.signal),
    loop(aborter.signal, async () => {
      if (engine && attestor.state.secondsLeft <= 0) await haltAll(engine, log)
      return LOOK_MS
    }),
  ]
  const open = door ? `the node is open for its manager on port ${door.port}` : 'the node proves its machine'
  log('info', open, { worker: key.address, manager })
  return {
    port: door?.port ?? 0,
    stop: async () => {
      aborter.abort()
      await Promise.all(running)
      await door?.close()
      if (engine) await haltAll(engine, log)
      await sequence
        .run(() => departWorker(wallet, key.address))
        .catch((error) => log('warn', 'coverage could not be ended', { error: messageOf(error) }))
      await engine?.close()
      store.close()
      log('info', `the node has stopped on ${network.name}`)
    },
  }
}

/** Nothing runs on a machine that isn't covered. */
async function haltAll(engine: NodeEngine, log: Log): Promise<void> {
  try {
    for (const lease of await engine.leases()) await engine.halt(lease)
  } catch (error) {
    log('error', 'containers could not be ended', { error: messageOf(error) })
  }
}
