import { getLease, getNoticeSeconds, giveNotice } from '@cloister/chain'
import { isInterruptible, loop, messageOf, shortId } from '@cloister/core'
import { capacityOf } from '../bidding/capacity.ts'
import { keptFree } from '../bidding/offers.ts'
import { leasesToReclaim } from '../bidding/reclaim.ts'
import type { MakePart } from './part.ts'

const LOOK_MS = 5_000

/**
 * Gives interruptible leases notice where reserved ones took of the room that the provider keeps free. The
 * chain remembers who has notice, so that a crash between looks changes nothing.
 */
export const reclaimingPart: MakePart = ({ machine }) => ({
  name: 'reclaiming',
  start: (signal) => {
    const { config, wallet, store, sequence, log } = machine
    let told = false
    return loop(signal, async () => {
      const keep = config.interruptible?.keepFree
      if (!keep) return LOOK_MS
      try {
        const marketSeconds = await getNoticeSeconds(wallet)
        const leases = store.openLeases().flatMap(({ id }) => {
          const lease = store.lease(id)
          if (lease?.state !== 'open') return []
          const { noticeMinutes = 0 } = lease
          return [{ ...lease, interruptible: isInterruptible({ noticeMinutes }, marketSeconds) }]
        })
        for (const { id } of leasesToReclaim(capacityOf(config), keptFree(keep), leases, Date.now())) {
          const { state, noticeUntil } = await getLease(wallet, id)
          if (state !== 'open' || noticeUntil !== 0) continue
          await sequence.run(() => giveNotice(wallet, id))
          log('info', 'notice was given, so that room is free for reserved leases', { lease: shortId(id) })
        }
        told = false
      } catch (error) {
        if (!told) log('warn', 'reclaiming room will be tried again', { error: messageOf(error) })
        told = true
      }
      return LOOK_MS
    })
  },
})
