import { getRoomTaken } from '@cloister/chain'
import { CloisterError, fitsRoom, type Manifest } from '@cloister/core'
import type { Cloister } from '../cloister.ts'
import { type Bids, type BidsParameters, bids, type CheckedBid, type Declined } from '../leases/bids.ts'
import { noBids } from '../leases/deploy.ts'

export interface ClusterBidsParameters extends Omit<BidsParameters, 'manifest'> {
  /** Leases that one worker gets, at the most. */
  perWorker?: number | undefined
}

/** Bids for all leases of a cluster. */
export interface ClusterBids {
  /** Who bid for rank 0, and who didn't. */
  found: Bids
  /** The bid to take for each rank. */
  members: CheckedBid[]
}

/**
 * Gathers a bid for each manifest, the cheapest workers first, each worker for as many as the chain says it
 * has room for, or `perWorker`, and for no more than it bid first. Throws `no-bids` where not all can be had,
 * and what `bids` throws.
 *
 * @param ask What asks workers for bids.
 */
export async function clusterBids(
  cloister: Cloister,
  manifests: readonly Manifest[],
  parameters: ClusterBidsParameters,
  ask: typeof bids = bids,
): Promise<ClusterBids> {
  const [first] = manifests
  if (!first) throw new TypeError('a cluster has a lease')
  const found = await ask(cloister, { ...parameters, manifest: first })
  if (found.bids.length === 0) throw noBids(found)
  const places = await Promise.all(
    found.bids.map(async (bid) => ({
      bid,
      given: 0,
      taken: await getRoomTaken(cloister.chain, bid.worker.worker),
    })),
  )
  const declined: Declined[] = []
  const members: CheckedBid[] = []
  for (const manifest of manifests) {
    let member: CheckedBid | undefined
    for (const place of places) {
      const { worker } = place.bid
      if (place.given >= (parameters.perWorker ?? manifests.length)) continue
      // Each rank has an order of its own, which says what it is told.
      const asked =
        manifest === first
          ? { bids: [place.bid], declined: [] }
          : await ask(cloister, { ...parameters, manifest, provider: worker.worker })
      const [bid] = asked.bids
      declined.push(...asked.declined)
      const room = bid && fitsRoom(place.taken, bid.bid.room)
      // It was chosen by what it asks for the first: all ranks are of one size.
      const isDearer = bid !== undefined && bid.bid.ratePerSecond > place.bid.bid.ratePerSecond
      if (isDearer)
        declined.push({
          worker: worker.worker,
          provider: worker.provider,
          reason: 'It asks for more for another of the same leases.',
        })
      if (!bid || !room || isDearer) {
        place.given = Number.POSITIVE_INFINITY
        continue
      }
      place.given++
      place.taken += bid.bid.room
      member = bid
      break
    }
    if (!member) throw tooFew(members.length, manifests.length, [...found.declined, ...declined])
    members.push(member)
  }
  return { found, members }
}

function tooFew(had: number, wanted: number, declined: Declined[]): CloisterError {
  const reasons = [...new Set(declined.map(({ reason }) => reason))].slice(0, 3).join(' ')
  return new CloisterError(
    'no-bids',
    `There is room for ${had} of the ${wanted} leases, and all or none are opened.${reasons && ` ${reasons}`}`,
    { hint: { do: 'list-workers' }, details: { declined } },
  )
}
