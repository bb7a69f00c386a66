import { type Chain, EMISSION_ABI, MARKET_ABI, SLASHING_ABI, STAKE_ABI, WORKERS_ABI } from '@cloister/chain'
import type { EventRow } from './fold.ts'
import { POOL_EVENTS } from './pools.ts'

const EVENTS = [...MARKET_ABI, ...WORKERS_ABI, ...STAKE_ABI, ...EMISSION_ABI, ...SLASHING_ABI].filter((item) => item.type === 'event')

/** A block that was read. */
export interface BlockMark {
  block: number
  hash: string
}

/** All events of the contracts in a span of blocks, in the order of the chain, as rows, and the blocks they are in. */
export async function readEvents({ client, network }: Chain, fromBlock: bigint, toBlock: bigint): Promise<{ rows: EventRow[]; blocks: BlockMark[] }> {
  const { market, workers, stake, emission, slashing } = network.contracts
  const logs = await client.getLogs({ address: [market, workers, stake, emission, slashing], events: EVENTS, fromBlock, toBlock, strict: true })
  const times = new Map<bigint, number>()
  for (const { blockNumber, blockTimestamp } of logs as { blockNumber: bigint; blockTimestamp?: bigint | string }[])
    if (blockTimestamp !== undefined) times.set(blockNumber, Number(blockTimestamp))
  // Not every node says when; ask for the blocks then.
  const unknown = [...new Set(logs.map((log) => log.blockNumber).filter((block) => !times.has(block)))]
  for (const block of await Promise.all(unknown.map((blockNumber) => client.getBlock({ blockNumber })))) times.set(block.number, Number(block.timestamp))
  const blocks = new Map(logs.map((log) => [Number(log.blockNumber), log.blockHash]))
  const rows = logs.map((log) => {
    const args = plain(log.args) as Record<string, unknown>
    return {
      block: Number(log.blockNumber),
      logIndex: log.logIndex,
      time: times.get(log.blockNumber) ?? 0,
      transaction: log.transactionHash,
      name: log.eventName,
      lease: log.address.toLowerCase() === market.toLowerCase() && typeof args['id'] === 'string' ? args['id'] : null,
      worker: typeof args['worker'] === 'string' ? args['worker'] : null,
      pool: poolOf(log.eventName, args),
      args,
    }
  })
  return { rows, blocks: [...blocks].map(([block, hash]) => ({ block, hash })) }
}

/** The provider whose pool an event is about. */
export function poolOf(name: string, args: Record<string, unknown>): string | null {
  if (!POOL_EVENTS.has(name)) return null
  const provider = args['provider'] ?? args['from']
  return typeof provider === 'string' ? provider : null
}

/** Event arguments as JSON: whole numbers as decimal strings, whatever their size. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint' || typeof value === 'number') return value.toString()
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
  return value
}
