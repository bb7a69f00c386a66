import {
  ADMISSION_ABI,
  type Chain,
  EMISSION_ABI,
  governedContracts,
  KEY_SERVICE_ABI,
  MARKET_ABI,
  SLASHING_ABI,
  STAKE_ABI,
  TOKEN_ABI,
  WORKERS_ABI,
} from '@cloister/chain'
import type { EventRow } from '../chapters/leases/fold.ts'
import { POOL_EVENTS } from '../chapters/stake/fold.ts'

const ABIS = [
  MARKET_ABI,
  WORKERS_ABI,
  STAKE_ABI,
  EMISSION_ABI,
  SLASHING_ABI,
  ADMISSION_ABI,
  KEY_SERVICE_ABI,
] as const
/** Transfers of the token are its accounts' business. */
const OF_TOKEN = TOKEN_ABI.filter((item) => item.type === 'event').filter(({ name }) => name === 'Allotted')

const ALL = [...ABIS.flat().filter((item) => item.type === 'event'), ...OF_TOKEN]

/**
 * What is read of the contracts. What several have alike is there once: each log is looked for among all of
 * them.
 */
export const EVENTS = ALL.filter(
  (item, index) => ALL.findIndex((other) => JSON.stringify(other) === JSON.stringify(item)) === index,
)

/** An event, and the contract that emitted it, in lower case. */
export type ReadRow = EventRow & { contract: string }

/** A block that was read. */
export interface BlockMark {
  block: number
  hash: string
}

/**
 * All events of the contracts in a span of blocks, in the order of the chain, as rows, and the blocks they
 * are in.
 */
export async function readEvents(
  { client, network }: Chain,
  fromBlock: bigint,
  toBlock: bigint,
): Promise<{ rows: ReadRow[]; blocks: BlockMark[] }> {
  const market = network.contracts.market.toLowerCase()
  const logs = await client.getLogs({
    address: governedContracts(network).map(({ address }) => address),
    events: EVENTS,
    fromBlock,
    toBlock,
    strict: true,
  })
  const times = new Map<bigint, number>()
  for (const { blockNumber, blockTimestamp } of logs as {
    blockNumber: bigint
    blockTimestamp?: bigint | string
  }[])
    if (blockTimestamp !== undefined) times.set(blockNumber, Number(blockTimestamp))
  // Not every node says when; ask for the blocks then.
  const unknown = [...new Set(logs.map((log) => log.blockNumber).filter((block) => !times.has(block)))]
  for (const block of await Promise.all(unknown.map((blockNumber) => client.getBlock({ blockNumber }))))
    times.set(block.number, Number(block.timestamp))
  const blocks = new Map(logs.map((log) => [Number(log.blockNumber), log.blockHash]))
  const rows = logs.map((log) => {
    const args = plain(log.args) as Record<string, unknown>
    const contract = log.address.toLowerCase()
    return {
      contract,
      block: Number(log.blockNumber),
      logIndex: log.logIndex,
      time: times.get(log.blockNumber) ?? 0,
      transaction: log.transactionHash,
      name: log.eventName,
      lease: contract === market && typeof args['id'] === 'string' ? args['id'] : null,
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
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
  return value
}
