import { loop } from '@cloister/core'
import { LeaseLooks } from '../patience.ts'
import type { MakePart } from './part.ts'

const LOOK_MS = 1_000
/** Milliseconds that the others wait for the look at one lease. */
const PATIENCE_MS = 2_000
const LEAVING_MS = 5_000

/** Keeps leases on their private networks. */
export const networksPart: MakePart = ({ networks }) => ({
  name: 'networks',
  start: async (signal) => {
    if (!networks) return
    const looks = new LeaseLooks((id) => networks.look(id), PATIENCE_MS)
    await loop(signal, async () => {
      await looks.all(networks.leases, signal)
      await networks.sweep().catch(() => {})
      return LOOK_MS
    })
    await looks.idle(LEAVING_MS)
    networks.leave()
  },
})
