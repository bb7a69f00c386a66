import type Docker from 'dockerode'
import type { Traffic, Usage } from '../executor.ts'

/** What a container uses now. */
export async function usageOf(container: Docker.Container): Promise<Usage> {
  const stats = await readStats(container)
  return {
    cpuSeconds: (stats.cpu_stats?.cpu_usage?.total_usage ?? 0) / 1e9,
    memoryBytes: Math.max(
      0,
      (stats.memory_stats?.usage ?? 0) -
        (stats.memory_stats?.stats?.['total_inactive_file'] ??
          stats.memory_stats?.stats?.['inactive_file'] ??
          0),
    ),
    processes: stats.pids_stats?.current ?? 0,
  }
}

/** What containers have received and sent, all together. */
export async function trafficOf(containers: readonly Docker.Container[]): Promise<Traffic> {
  const traffic = { received: 0, sent: 0 }
  const all = await Promise.all(containers.map((one) => readStats(one).catch(() => undefined)))
  for (const stats of all)
    for (const network of Object.values(stats?.networks ?? {})) {
      traffic.received += network.rx_bytes ?? 0
      traffic.sent += network.tx_bytes ?? 0
    }
  return traffic
}

function readStats(container: Docker.Container): Promise<Docker.ContainerStats> {
  return container.stats({ stream: false, 'one-shot': true })
}
