import type { Chain } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { type Hex, numberToHex, type RpcLog } from 'viem'
import type { ChainEvent } from './contract.ts'
import type { Plan } from './plan.ts'

/** A block that was read. */
export interface BlockMark {
  block: number
  hash: string
}

/** What a span of blocks has for the chapters. */
export interface Span {
  from: bigint
  to: bigint
  /** The last block, as it was before the events were read. */
  end: { hash: Hex; timestamp: bigint }
  /** Events, decoded, in the order of the chain. */
  events: ChainEvent[]
  /** The blocks that events are in. */
  blocks: BlockMark[]
}

/**
 * Reads a span. Its events are those of `end` only where that still is the chain's block: ask once more
 * before they are written.
 */
export async function readSpan(chain: Chain, plan: Plan, from: bigint, to: bigint): Promise<Span> {
  const end = await chain.client.getBlock({ blockNumber: to })
  return { from, to, end, ...(await readEvents(chain, plan, from, to)) }
}

async function readEvents(
  { client }: Chain,
  plan: Plan,
  fromBlock: bigint,
  toBlock: bigint,
): Promise<{ events: ChainEvent[]; blocks: BlockMark[] }> {
  const logs = await client.request({
    method: 'eth_getLogs',
    params: [
      {
        address: plan.addresses,
        topics: [plan.selectors],
        fromBlock: numberToHex(fromBlock),
        toBlock: numberToHex(toBlock),
      },
    ],
  })
  const times = await timesOf(client, logs)
  const blocks = new Map<number, string>()
  const events = logs.flatMap((log): ChainEvent[] => {
    const listening = plan.ofLog(log.address, log.topics[0])
    if (!listening) return []
    const { blockHash, blockNumber, logIndex, transactionHash } = log
    if (blockNumber === null || blockHash === null || logIndex === null || transactionHash === null)
      throw new CloisterError('bad-answer', 'The node tells of an event in a block that is not made.')
    const block = Number(blockNumber)
    blocks.set(block, blockHash)
    return [
      {
        contract: listening.contract,
        name: listening.event.name,
        args: listening.decode(log),
        block,
        logIndex: Number(logIndex),
        time: times.get(blockNumber) ?? 0,
        transaction: transactionHash,
      },
    ]
  })
  return { events, blocks: [...blocks].map(([block, hash]) => ({ block, hash })) }
}

/** When the blocks of logs were made, Unix seconds. */
async function timesOf(client: Chain['client'], logs: RpcLog[]): Promise<Map<Hex, number>> {
  const times = new Map<Hex, number>()
  const unknown = new Set<Hex>()
  for (const { blockNumber, blockTimestamp } of logs as (RpcLog & { blockTimestamp?: Hex })[]) {
    if (blockNumber === null || times.has(blockNumber)) continue
    // Not every node says when; ask for the blocks then.
    if (blockTimestamp === undefined) unknown.add(blockNumber)
    else times.set(blockNumber, Number(blockTimestamp))
  }
  await Promise.all(
    [...unknown].map(async (block) => {
      const { timestamp } = await client.getBlock({ blockNumber: BigInt(block) })
      times.set(block, Number(timestamp))
    }),
  )
  return times
}
