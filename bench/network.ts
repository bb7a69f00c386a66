import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DEVELOPMENT_ROLES, developmentAccount } from '@cloister/development/accounts'
import { type EmbeddedNetwork, startNetwork } from '@cloister/devnet'
import { type Cloister, createCloister } from '@cloister/sdk'
import type { Steps } from '@cloister/terminal'

/** An embedded network of a benchmark's own. */
export interface BenchNetwork {
  embedded: EmbeddedNetwork
  /** A folder to write to; the network's own is `state` in it. */
  folder: string
  /** A connection with money, to lease with. */
  tenant: Cloister
  /** Stops the network, and removes the folder. */
  end(): Promise<void>
}

/**
 * Starts a network without the key service, and says so as a step. With the socket of a Docker Engine its
 * workers run containers there.
 */
export async function raiseNetwork(steps: Steps, socket?: string): Promise<BenchNetwork> {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-bench-'))
  steps.begin('network', 'starting')
  const embedded = await startNetwork({
    folder: join(folder, 'state'),
    fresh: false,
    freePorts: true,
    withoutKeys: true,
    ...(socket !== undefined && { engine: { engine: 'docker' as const, socket } }),
  })
  const account = developmentAccount(embedded.network, DEVELOPMENT_ROLES.tenants[0])
  return {
    embedded,
    folder,
    tenant: createCloister({ network: embedded.network, account }),
    end: async () => {
      await embedded.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
