import { formatCpu, formatMiB } from '@cloister/core'
import { leases, sessionOf } from '@cloister/sdk'
import { bar, printable, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'

export async function showMetrics(key: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const lease = await leases.findLease(cloister, key)
  const worker = sessionOf(cloister, lease).asTenant
  const first = await worker.metrics(lease.lease)
  if (options.json) return sayJson(first)
  // CPU in use is the difference of two readings.
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  const metrics = await worker.metrics(lease.lease)
  const elapsed = (metrics.time - first.time) / 1000
  const mib = (bytes: number) => Math.round(bytes / 1024 / 1024)
  say(
    table(
      ['container', 'cpu', '', 'memory', '', 'processes'],
      metrics.containers.map((container) => {
        const before = first.containers.find((other) => other.name === container.name)
        const cpuMilli = before
          ? Math.max(0, ((container.cpuSeconds - before.cpuSeconds) / elapsed) * 1000)
          : 0
        return [
          printable(container.name),
          bar(cpuMilli, container.cpuMilliLimit),
          `${(cpuMilli / 1000).toFixed(2)} of ${formatCpu(container.cpuMilliLimit)}`,
          bar(mib(container.memoryBytes), container.memoryMiBLimit),
          `${mib(container.memoryBytes)} of ${formatMiB(container.memoryMiBLimit)}`,
          `${container.processes} of ${container.processesLimit}`,
        ]
      }),
    ),
  )
  say()
  say(
    `disk  ${bar(mib(metrics.diskBytes), metrics.diskMiBLimit)}  ${mib(metrics.diskBytes)} MiB of ${formatMiB(metrics.diskMiBLimit)}`,
  )
}
