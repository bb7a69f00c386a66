import { getLease, getResizes, signResizeBid } from '@cloister/chain'
import { formatMiB, hashOrder, type Order, roomOf, type SignedResizeBid } from '@cloister/core'
import type { Worker } from '../api/worker.ts'
import type { StoredLease } from '../store.ts'
import { capacityOf, takenBy } from './capacity.ts'
import { percentFor } from './offers.ts'
import { noBid, priceOrder } from './price.ts'

const BYTES_PER_MIB = 1024 * 1024

/**
 * Signs a bid for changing a lease into what an order asks for: at the price that a new lease of that size
 * has, with the room that is left beside the others. As a bid it reserves nothing. Throws `no-bid` with the
 * reason where this worker can't or won't serve it.
 */
export async function bidToResize(
  worker: Worker,
  lease: StoredLease,
  order: Order,
): Promise<SignedResizeBid> {
  const { counts } = worker.bidder
  try {
    const signed = await sign(worker, lease, order)
    counts.signed++
    return signed
  } catch (error) {
    counts.declined++
    throw error
  }
}

async function sign(
  { bidder, chain, config, executor, key, network, store }: Worker,
  lease: StoredLease,
  order: Order,
): Promise<SignedResizeBid> {
  if (order.tenant !== lease.tenant) throw noBid('The order is of another tenant than the lease.')
  const [now, number] = await Promise.all([getLease(chain, lease.id), getResizes(chain, lease.id)])
  if (lease.state !== 'open' || now.state !== 'open') throw noBid('The lease has ended.')
  if (now.noticeUntil !== 0)
    throw noBid(`It gave notice: the lease ends at ${new Date(now.noticeUntil * 1000).toISOString()}.`)
  const token = network.tokens[now.tokenIndex]
  if (!token || token.address !== order.token) throw noBid('The lease is paid in another token.')
  bidder.check(
    order,
    store.openLeases().filter(({ id }) => id !== lease.id),
  )
  await bidder.checkMachines(order)
  const usedMiB = Math.ceil((await executor.diskUsage(lease.id)) / BYTES_PER_MIB)
  if (usedMiB > order.resources.diskMiB)
    throw noBid(
      `Its files take ${formatMiB(usedMiB)} now, and the order asks for ${formatMiB(order.resources.diskMiB)} of disk.`,
    )
  const { ratePerSecond, minimumDeposit } = await priceOrder(
    order,
    token,
    config,
    percentFor(now.noticeMinutes, config),
  )
  if (order.maxRatePerSecond !== undefined && ratePerSecond > BigInt(order.maxRatePerSecond))
    throw noBid('Its price is above the ceiling of the order.')
  return signResizeBid(network, key, {
    lease: lease.id,
    number,
    ratePerSecond,
    // A lease that gets no dearer is asked for no more money.
    minimumBalance: ratePerSecond > now.ratePerSecond ? minimumDeposit : 0n,
    expiry: Math.floor(Date.now() / 1000) + config.bidSeconds,
    room: roomOf(takenBy(order.resources), capacityOf(config)),
    manifestHash: order.manifestHash,
    order: hashOrder(order),
  })
}
