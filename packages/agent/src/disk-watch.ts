import { setTimeout as delay } from 'node:timers/promises'
import { formatMiB, messageOf } from '@cloister/core'
import type { Executor } from '@cloister/executors'
import type { LeaseSupervisor } from './leases/supervisor.ts'
import type { Log } from './log.ts'

const LOOK_MS = 5_000
const BYTES_PER_MIB = 1024 * 1024

/** Stops leases whose files outgrow the disk they pay for. */
export async function watchDisks(parts: { executor: Executor; supervisor: LeaseSupervisor; log: Log; signal: AbortSignal }): Promise<void> {
  const stopped = new Set<string>()
  while (!parts.signal.aborted) {
    for (const { id, resources } of parts.supervisor.openLeases()) {
      try {
        const mib = Math.ceil((await parts.executor.diskUsage(id)) / BYTES_PER_MIB)
        const taken = Number.isFinite(mib) ? `its files take ${formatMiB(mib)}` : 'its files are too many to be counted'
        if (mib <= resources.diskMiB) stopped.delete(id)
        else if (!stopped.has(id)) {
          stopped.add(id)
          const reason = `${taken}, and it has ${formatMiB(resources.diskMiB)} of disk`
          parts.supervisor.event(id, 'disk-full', `The lease was stopped: ${reason}.`)
          await parts.supervisor.runner(id)?.stopAll(reason)
        }
      } catch (error) {
        parts.log('warn', 'disk usage could not be read', { lease: id, error: messageOf(error) })
      }
    }
    await delay(LOOK_MS, undefined, { signal: parts.signal }).catch(() => {})
  }
}
