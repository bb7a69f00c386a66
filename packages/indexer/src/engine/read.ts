import type { Chain } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { type AbiParameter, decodeAbiParameters, type Hex, numberToHex, type RpcLog } from 'viem'
import type { ChainEvent } from './contract.ts'
import type { Listening, Plan } from './plan.ts'

/** A block that was read. */
export interface BlockMark {
  block: number
  hash: string
}

/**
 * All events that the chapters read in a span of blocks, decoded, in the order of the chain, and the blocks
 * they are in.
 */
export async function readEvents(
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
        args: decode(listening, log),
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

/** The arguments of a log by name. Throws viem's errors for what isn't such an event. */
function decode({ event }: Listening, { topics, data }: RpcLog): Record<string, unknown> {
  const { inputs } = event
  const values = decodeAbiParameters(inputs.filter(({ indexed }) => !indexed) as AbiParameter[], data)
  let [topic, value] = [1, 0]
  return Object.fromEntries(
    inputs.map((input) => [input.name, input.indexed ? ofTopic(input, topics[topic++]) : values[value++]]),
  )
}

/** An indexed argument. Of what is longer than a word the chain keeps the hash alone. */
function ofTopic(input: AbiParameter, topic: Hex | undefined): unknown {
  if (topic === undefined) throw new CloisterError('bad-answer', `An event has no ${input.name}.`)
  const isHash = input.type === 'string' || input.type === 'bytes' || /\[\d*\]$|^tuple/.test(input.type)
  return isHash ? topic : decodeAbiParameters([input], topic)[0]
}
