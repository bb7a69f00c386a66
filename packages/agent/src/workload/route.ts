import type { Chain } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import type { Context, Hono } from 'hono'
import type { Hex, LocalAccount } from 'viem'
import type { WorkerProver } from '../evidence/prover.ts'
import type { Log } from '../log.ts'
import type { ReceiptNumbers } from '../receipts/receipt-numbers.ts'
import type { WorkloadTransactions } from '../transactions/workload-transactions.ts'

/** What the agent answers containers from. */
export interface AgentApiParts {
  chain: Chain
  /** The worker's. */
  key: LocalAccount
  /** The seat of the key service that the provider lets instances here have. */
  keySeat: number | undefined
  prover: Pick<WorkerProver, 'prove'>
  receipts: Pick<ReceiptNumbers, 'era' | 'next'>
  transactions: Pick<WorkloadTransactions, 'send'>
  /** The worker's own secret, 32 bytes. */
  sealingSecret: Uint8Array
  log: Log
}

/** Who asks: the containers of a lease that run one manifest. */
interface Asker {
  lease: Hex
  manifestHash: Hex
}

/** A route of what the agent answers in a container: it adds itself. */
export interface Route {
  add: (app: Hono, parts: AgentApiParts, asker: Asker) => void
}

/** Throws `bad-request`. */
export async function bodyOf(context: Context): Promise<unknown> {
  return context.req.json().catch((cause) => {
    throw new CloisterError('bad-request', 'The body is not JSON.', { cause })
  })
}
