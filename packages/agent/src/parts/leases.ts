import { watchLeases } from '../leases/watcher.ts'
import { within } from '../patience.ts'
import type { MakePart } from './part.ts'

/** Milliseconds that the watch over the chain waits for one lease to be looked at. */
const TOUCH_MS = 10_000

/** Hears from the chain of leases that are opened, changed or closed. */
export const leasesPart: MakePart = ({ machine, supervisor, newest }) => ({
  name: 'leases',
  start: (signal) =>
    watchLeases({
      chain: machine.wallet,
      worker: machine.key.address,
      store: machine.store,
      log: machine.log,
      newest,
      isMine: (id) => machine.store.lease(id) !== undefined,
      // One lease that is hard to wipe keeps nobody from hearing of the others.
      touched: (id, closer) => within(supervisor.refresh(id, closer), TOUCH_MS, signal),
      signal,
    }),
})
