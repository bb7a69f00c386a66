import { EMISSION_ABI, findToken, getTokenBalance, STAKE_ABI } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { type BookCheck, emitted, StakeBooks } from '@cloister/economy'
import type { Address } from 'viem'
import type { Cloister } from '../cloister.ts'

const FIRST_SPAN = 10_000n
const EVENTS = [...STAKE_ABI, ...EMISSION_ABI].filter((item) => item.type === 'event')

/**
 * Recomputes stake and emission from the chain's events alone, with no index and none of the contracts' own
 * answers, and compares what comes out with what the contracts say at the same block. Every position, claim
 * and GPU reward has to agree to the unit; what stake earned, of which the contracts round each step down,
 * to some units. `progress` is told the part that is read, up to 1. Throws what the chain's node throws.
 *
 * @example
 * ```ts
 * import { stake } from '@cloister/sdk'
 *
 * const { block, checks } = await stake.audit(cloister)
 * console.log(block, checks)
 * ```
 */
export async function auditStake(
  cloister: Cloister,
  progress: (part: number) => void = () => {},
): Promise<{ block: bigint; checks: BookCheck[] }> {
  const { client, network } = cloister.chain
  const head = await client.getBlock()
  const books = new StakeBooks(network.emissionStart)
  let span = FIRST_SPAN
  for (let from = BigInt(network.deployedAt); from <= head.number; ) {
    const to = from + span - 1n < head.number ? from + span - 1n : head.number
    try {
      books.take(await readLogs(cloister, from, to))
    } catch (error) {
      if (error instanceof CloisterError || span === 1n) throw error
      // A node may refuse a long span, or one with too many events in it.
      span /= 2n
      continue
    }
    progress(
      Number(to - BigInt(network.deployedAt) + 1n) / Number(head.number - BigInt(network.deployedAt) + 1n),
    )
    from = to + 1n
  }
  const at = { blockNumber: head.number } as const
  const stake = { address: network.contracts.stake, abi: STAKE_ABI } as const
  for (const [provider, pool] of books.pools) {
    const found = await client.readContract({ ...stake, ...at, functionName: 'poolOf', args: [provider] })
    books.equal('pools', `stake in the pool of ${provider}`, found.assets, pool.assets)
    books.equal('pools', `shares of the pool of ${provider}`, found.shares, pool.shares)
    books.equal('pools', `what is leaving the pool of ${provider}`, found.exitAssets, pool.exitAssets)
  }
  for (const [key, position] of books.positions) {
    const [provider, account] = key.split(' ') as [Address, Address]
    const [shares, worth, rewards] = await client.readContract({
      ...stake,
      ...at,
      functionName: 'positionOf',
      args: [provider, account],
    })
    books.equal('positions', `shares of ${account} in ${provider}`, shares, position.shares)
    books.equal('positions', `worth of ${account} in ${provider}`, worth, books.worthOf(provider, position))
    books.equal(
      'positions',
      `rewards of ${account} in ${provider}`,
      rewards,
      books.rewardsOf(provider, account, position),
    )
  }
  const minted = await client.readContract({
    address: network.contracts.emission,
    abi: EMISSION_ABI,
    functionName: 'minted',
    ...at,
  })
  books.equal('supply', 'what was created', minted, books.paid)
  books.atMost('supply', 'what was created', minted, emitted(Number(head.timestamp) - network.emissionStart))
  const held = [...books.pools.values()].reduce(
    (sum, { assets, exitAssets }) => sum + assets + exitAssets,
    0n,
  )
  const balance = await getTokenBalance(
    cloister.chain,
    findToken(network, 'CLOI').address,
    network.contracts.stake,
  )
  books.atMost('supply', 'stake and exits', held, balance)
  return { block: head.number, checks: [...books.checks.values()] }
}

async function readLogs({ chain: { client, network } }: Cloister, fromBlock: bigint, toBlock: bigint) {
  const { stake, emission } = network.contracts
  const logs = await client.getLogs({
    address: [stake, emission],
    events: EVENTS,
    fromBlock,
    toBlock,
    strict: true,
  })
  const blocks = [...new Set(logs.map(({ blockNumber }) => blockNumber))]
  const times = new Map(
    await Promise.all(
      blocks.map(
        async (blockNumber) =>
          [blockNumber, Number((await client.getBlock({ blockNumber })).timestamp)] as const,
      ),
    ),
  )
  return logs.map((log) => ({ ...log, time: times.get(log.blockNumber) ?? 0 }))
}
