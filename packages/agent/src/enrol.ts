import {
  describeWorker,
  getWorker,
  registerWorker,
  type Wallet,
  type WorkerDescription,
} from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import type { Address } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { capacityOf } from './bidding/capacity.ts'
import type { AgentConfig } from './config.ts'

/** Ether that a worker's key is given for its transactions, in wei. */
export const GAS_MONEY = 5n * 10n ** 16n

/** What a configuration says a worker is, as it is registered. */
export function descriptionOf(config: AgentConfig): WorkerDescription {
  return { ...capacityOf(config), gpuClass: config.capacity.gpuClass, endpoint: config.endpoint }
}

/**
 * Registers the worker for the provider's account, or brings its registration up to date, and gives its key
 * ether for gas. Asks nobody. Throws `not-yours` where the worker is another provider's.
 */
export async function enrolWorker(
  provider: Wallet,
  key: PrivateKeyAccount,
  config: AgentConfig,
): Promise<'registered' | 'described' | 'unchanged'> {
  const description = descriptionOf(config)
  const known = await getWorker(provider, key.address)
  if (known && known.provider !== provider.account.address)
    throw new CloisterError(
      'not-yours',
      `The worker ${key.address} belongs to the provider ${known.provider}.`,
    )
  // The registration needn't wait for it: both may be in one block.
  const funded = await fund(provider, key.address)
  if (!known) {
    await Promise.all([registerWorker(provider, key, description), funded.settled()])
    return 'registered'
  }
  await funded.settled()
  const same =
    JSON.stringify(Object.entries(known.description).sort()) ===
    JSON.stringify(Object.entries(description).sort())
  if (same) return 'unchanged'
  await describeWorker(provider, key.address, description)
  return 'described'
}

/** Sends a worker's key ether for gas, if it has little. `settled` resolves once that is in a block. */
async function fund(provider: Wallet, to: Address): Promise<{ settled: () => Promise<unknown> }> {
  const { client, wallet } = provider
  if ((await client.getBalance({ address: to })) >= GAS_MONEY / 2n) return { settled: async () => {} }
  const hash = await wallet.sendTransaction({ to, value: GAS_MONEY })
  return { settled: () => client.waitForTransactionReceipt({ hash }) }
}
