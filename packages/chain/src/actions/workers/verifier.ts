import { type Address, zeroAddress } from 'viem'
import type { Chain } from '../../client.ts'
import { WORKERS_ABI } from '../../generated/abis.ts'
import { getRoles } from './attestation.ts'

/** Bit 2 of what governance lets guests of a measurement do: sign verdicts. */
const VERIFIER = 2

/**
 * The provider of a worker whose verdicts count now: covered by a quote that a contract checked, of a
 * measurement that governance lists as a verifier's. Undefined for everybody else, as `Workers` reckons it
 * before it takes a verdict.
 */
export async function getVerifierProvider(chain: Chain, worker: Address): Promise<Address | undefined> {
  const { client, network } = chain
  const call = { address: network.contracts.workers, abi: WORKERS_ABI, args: [worker] } as const
  const [registered, { until }, measurement, { timestamp }] = await Promise.all([
    client.readContract({ ...call, functionName: 'workerOf' }),
    client.readContract({ ...call, functionName: 'coverageOf' }),
    client.readContract({ ...call, functionName: 'measurementOf' }),
    client.getBlock(),
  ])
  const { provider, retired, byQuote } = registered
  if (provider === zeroAddress || retired || !byQuote || BigInt(until) <= timestamp) return undefined
  return ((await getRoles(chain, measurement)) & VERIFIER) === 0 ? undefined : provider
}
