import { type Chain, Heads, MARKET_ABI } from '@cloister/chain'
import { loop, messageOf } from '@cloister/core'
import type { LastBlock } from '@cloister/operations'
import type { Address, Hex } from 'viem'
import type { Log } from '../log.ts'
import type { Store } from '../store.ts'

/** Blocks read again each time, in case the chain reorganised. Looking at a lease twice does no harm. */
const OVERLAP = 12n
const MAX_SPAN = 2_000n
const LEASE_EVENTS = [
  'LeaseOpened',
  'LeaseToppedUp',
  'LeaseUpdated',
  'LeaseResized',
  'NoticeGiven',
  'LeaseClosed',
  'LeaseRefused',
] as const

/** Tells which leases something happened to on the chain, from where it stopped last time. */
export async function watchLeases(parts: {
  chain: Chain
  worker: Address
  store: Store
  log: Log
  isMine: (id: Hex) => boolean
  /** Is told of the chain's newest block, each time it is asked for. */
  newest: Pick<LastBlock, 'hear'>
  /** `closer` is who closed it, where that is what happened. */
  touched: (id: Hex, closer?: Address) => Promise<void>
  signal: AbortSignal
}): Promise<void> {
  const { chain, store, log, signal, newest } = parts
  const { client, network } = chain
  const seen = new Set<string>()
  const events = MARKET_ABI.filter(
    (item) => item.type === 'event' && (LEASE_EVENTS as readonly string[]).includes(item.name),
  )
  const heads = new Heads(network)
  let quiet = true
  await loop(signal, async () => {
    const looked = heads.seen
    try {
      const head = await client.getBlockNumber()
      newest.hear(Number(head))
      const cursor = BigInt(store.setting('cursor') ?? network.deployedAt)
      const from = cursor > OVERLAP ? cursor - OVERLAP : 0n
      const to = head < from + MAX_SPAN ? head : from + MAX_SPAN
      if (to >= from && (to > cursor || head < cursor)) {
        const logs = await client.getLogs({
          address: network.contracts.market,
          events,
          fromBlock: from,
          toBlock: to,
          strict: true,
        })
        const ids = new Set<Hex>()
        for (const entry of logs) {
          const key = `${entry.blockHash}/${entry.logIndex}`
          const { id } = entry.args as { id: Hex }
          const mine =
            entry.eventName === 'LeaseOpened'
              ? (entry.args as { worker: Address }).worker === parts.worker
              : parts.isMine(id)
          if (!mine || seen.has(key)) continue
          await parts.touched(
            id,
            entry.eventName === 'LeaseClosed' ? (entry.args as { by: Address }).by : undefined,
          )
          seen.add(key)
          ids.add(id)
        }
        if (seen.size > 10_000) seen.clear()
        store.saveSetting('cursor', to.toString())
        if (to < head) return 0
      }
      quiet = true
    } catch (error) {
      if (quiet) log('warn', 'the chain does not answer', { error: messageOf(error) })
      quiet = false
    }
    await heads.after(looked, signal)
    return 0
  })
  heads.close()
}
