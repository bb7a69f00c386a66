import { formatMiB, loop, messageOf } from '@cloister/core'
import type { Executor } from '@cloister/executors'
import type { Hex } from 'viem'
import type { LeaseSupervisor } from '../leases/supervisor.ts'
import type { Log } from '../log.ts'
import { LeaseLooks } from '../patience.ts'
import type { MakePart } from './part.ts'

const LOOK_MS = 5_000
/** Milliseconds that the others wait for the look at one lease. */
const PATIENCE_MS = 10_000
const BYTES_PER_MIB = 1024 * 1024

/** Stops leases whose files outgrow the disk they pay for. */
export const disksPart: MakePart = ({ machine: { executor, log }, supervisor }) => ({
  name: 'disks',
  start: (signal) => watchDisks({ executor, supervisor, log, signal }),
})

/** Stops leases whose files outgrow the disk they pay for. */
export async function watchDisks(parts: {
  executor: Executor
  supervisor: LeaseSupervisor
  log: Log
  signal: AbortSignal
}): Promise<void> {
  const { executor, supervisor, log, signal } = parts
  const stopped = new Set<Hex>()
  const look = async (id: Hex) => {
    const resources = supervisor.openLeases().find((lease) => lease.id === id)?.resources
    if (!resources) return
    try {
      const mib = Math.ceil((await executor.diskUsage(id)) / BYTES_PER_MIB)
      const taken = Number.isFinite(mib)
        ? `its files take ${formatMiB(mib)}`
        : 'its files are too many to be counted'
      if (mib <= resources.diskMiB) stopped.delete(id)
      else if (!stopped.has(id)) {
        stopped.add(id)
        const reason = `${taken}, and it has ${formatMiB(resources.diskMiB)} of disk`
        supervisor.event(id, 'disk-full', `The lease was stopped: ${reason}.`)
        await supervisor.runner(id)?.stopAll(reason)
      }
    } catch (error) {
      log('warn', 'disk usage could not be read', { lease: id, error: messageOf(error) })
    }
  }
  const looks = new LeaseLooks(look, PATIENCE_MS)
  await loop(signal, async () => {
    await looks.all(
      supervisor.openLeases().map(({ id }) => id),
      signal,
    )
    return LOOK_MS
  })
  await looks.idle(PATIENCE_MS)
}
