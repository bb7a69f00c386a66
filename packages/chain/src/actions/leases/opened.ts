import { decodeLeaseName, type LeaseName } from '@cloister/core'
import type { Address, Hex } from 'viem'
import type { Chain } from '../../client.ts'
import { chainError } from '../../errors/chain-error.ts'
import { MARKET_ABI } from '../../generated/abis.ts'

/** A lease as it was opened; whether it still is, `getLease` says. */
export interface OpenedLease {
  lease: Hex
  worker: Address
  provider: Address
  /** What its tenant wishes it to be called; undefined for a lease without a name. */
  name: LeaseName | undefined
}

/**
 * The leases that an account ever opened, the earliest first, by the events of the chain: none is missing
 * that an index hasn't heard of yet. Throws `chain-unreachable`.
 */
export async function getLeasesOpenedBy({ client, network }: Chain, tenant: Address): Promise<OpenedLease[]> {
  const events = await client
    .getContractEvents({
      address: network.contracts.market,
      abi: MARKET_ABI,
      eventName: 'LeaseOpened',
      args: { tenant },
      fromBlock: BigInt(network.deployedAt),
    })
    .catch((error) => Promise.reject(chainError('reading the leases of an account', error)))
  return events.flatMap(({ args: { id, worker, provider, name } }) =>
    id && worker && provider && name ? [{ lease: id, worker, provider, name: decodeLeaseName(name) }] : [],
  )
}

/** Whether a transaction of an account's was sent and is in no block yet. Throws `chain-unreachable`. */
export async function isSending({ client }: Chain, address: Address): Promise<boolean> {
  const [sent, mined] = await Promise.all(
    (['pending', 'latest'] as const).map((blockTag) => client.getTransactionCount({ address, blockTag })),
  ).catch((error) => Promise.reject(chainError('reading an account’s transactions', error)))
  return sent !== mined
}
