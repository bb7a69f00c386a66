import { resolve } from 'node:path'
import type { Daemon } from './daemon.ts'
import { type NetworkOptions, type RaisedNetwork, raiseNetwork } from './raise.ts'
import { Supervisor } from './supervisor.ts'

/** A network whose supervisor is this process. */
export interface EmbeddedNetwork extends RaisedNetwork {
  /** By name: chain, layer1 where there is one, indexer, gateway, oak, elm, ash. */
  daemons: Map<string, Daemon>
  stop(): Promise<void>
}

/**
 * Starts a whole network, or takes it up where it was left. Throws `already-running`, `port-taken`,
 * `no-engine` or `daemon-failed`.
 */
export async function startNetwork(options: NetworkOptions): Promise<EmbeddedNetwork> {
  const folder = resolve(options.folder)
  const supervisor = new Supervisor(folder)
  const stopping = new AbortController()
  try {
    const raised = await raiseNetwork(supervisor, { ...options, folder }, stopping.signal)
    const stop = async () => {
      // A deployment that is under way is left to itself: the next start picks it up.
      stopping.abort()
      await supervisor.stop()
    }
    return { ...raised, daemons: supervisor.daemons, stop }
  } catch (error) {
    await supervisor.stop()
    throw error
  }
}
