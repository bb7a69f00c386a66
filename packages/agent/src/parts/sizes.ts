import { loop } from '@cloister/core'
import type { Hex } from 'viem'
import type { LeaseSupervisor } from '../leases/supervisor.ts'
import { within } from '../patience.ts'
import type { Store } from '../store.ts'
import type { MakePart } from './part.ts'

const LOOK_MS = 3_000
/** Milliseconds for a manifest that fits to be handed over once a lease was made smaller. */
const HANDING_MS = 60_000
/** And for it to be what runs: its images may have to come. */
const CHANGING_MS = 600_000
/** Milliseconds that the others wait for one lease to stop. */
const STOP_MS = 15_000

/** Stops leases that were made smaller, and go on with what they had. */
export const sizesPart: MakePart = ({ machine: { store }, supervisor }) => ({
  name: 'sizes',
  start: (signal) => watchSizes({ store, supervisor, signal }),
})

/**
 * Stops what needs more than its lease has, once its tenant had time to hand over what doesn't. An update
 * with a manifest that fits starts it again.
 */
export async function watchSizes(parts: {
  store: Store
  supervisor: Pick<LeaseSupervisor, 'event' | 'runner'>
  signal: AbortSignal
}): Promise<void> {
  const { store, supervisor, signal } = parts
  const stopped = new Set<Hex>()
  await loop(signal, async () => {
    for (const { id } of store.openLeases()) {
      const lease = store.lease(id)
      const since = lease?.outgrownSince
      // What stands still needs nothing, however large it was.
      if (since === undefined || lease?.held) stopped.delete(id)
      else if (!stopped.has(id) && Date.now() - since > (lease?.next ? CHANGING_MS : HANDING_MS)) {
        stopped.add(id)
        const reason = 'the lease was made smaller, and what ran on it needs more'
        supervisor.event(id, 'outgrown', `The lease was stopped: ${reason}. Hand over a manifest that fits.`)
        const runner = supervisor.runner(id)
        if (runner) await within(runner.stopAll(reason), STOP_MS)
      }
    }
    return LOOK_MS
  })
}
