import {
  describeWorker,
  getWorker,
  registerWorker,
  type Wallet,
  type WorkerDescription,
} from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import type { Address, Hex } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { capacityOf } from './bidding/capacity.ts'
import type { AgentConfig } from './config.ts'

/** Ether that a worker's key is given for its transactions, in wei. */
export const GAS_MONEY = 5n * 10n ** 16n

/** What a configuration says a worker is, as it is registered. */
export function descriptionOf(config: AgentConfig): WorkerDescription {
  // A node lends nothing: what it has is part of its manager's.
  if (config.manager !== undefined)
    return { cpuMilli: 0, memoryMiB: 0, diskMiB: 0, gpus: 0, gpuClass: '', endpoint: config.endpoint }
  return { ...capacityOf(config), gpuClass: config.capacity.gpuClass, endpoint: config.endpoint }
}

/**
 * Registers the worker for the provider's account, or brings its registration up to date, and gives its key
 * ether for gas. Asks nobody. Throws `not-yours` where the worker is another provider's, and what sending
 * throws: `reverted`, `chain-unreachable`.
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
  const funding = await sendGasMoney(provider, key.address)
  if (!known) await registerWorker(provider, key, description)
  if (funding) await provider.client.waitForTransactionReceipt({ hash: funding })
  if (!known) return 'registered'
  const same =
    JSON.stringify(Object.entries(known.description).sort()) ===
    JSON.stringify(Object.entries(description).sort())
  if (same) return 'unchanged'
  await describeWorker(provider, key.address, description)
  return 'described'
}

/** Sends a worker's key ether for gas. Returns the transaction's hash; undefined where the key has enough. */
async function sendGasMoney({ client, wallet }: Wallet, to: Address): Promise<Hex | undefined> {
  if ((await client.getBalance({ address: to })) >= GAS_MONEY / 2n) return undefined
  return wallet.sendTransaction({ to, value: GAS_MONEY })
}
