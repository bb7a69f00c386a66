import type { CollectorReport, MetricsReport } from '@cloister/core'
import { Counter, expose, Gauge, Registry } from '@cloister/operations/metrics'
import { split } from '../collectors/otlp.ts'
import type { ContainerReport } from './container-report.ts'

const MIB = 1024 * 1024

/** What is told of a lease to whoever scrapes it. */
export interface Scraped {
  usage: MetricsReport
  containers: readonly ContainerReport[]
  collectors: readonly CollectorReport[]
}

/** A lease's metrics in Prometheus' text format (0.0.4), names and units by its conventions. */
export function exposeLease(scraped: Scraped): Promise<{ contentType: string; text: string }> {
  const registry = new Registry()
  ofContainers(registry, scraped)
  ofLease(registry, scraped)
  return expose(registry)
}

function ofContainers(registry: Registry, { usage, containers }: Scraped): void {
  const labelNames = ['container', 'service', 'replica']
  const of = (name: string, help: string) => ({
    name: `cloister_container_${name}`,
    help,
    labelNames,
    registers: [registry],
  })
  const up = new Gauge(of('up', 'Whether the container runs.'))
  const restarts = new Counter(of('restarts_total', 'Times the container was started again.'))
  const exitCode = new Gauge(of('last_exit_code', 'How the container last ended, where it has.'))
  const started = new Gauge(of('start_time_seconds', 'When the container was last started, Unix time.'))
  for (const container of containers) {
    const labels = labelsOf(container.name)
    up.set(labels, ['running', 'unhealthy', 'starting'].includes(container.state) ? 1 : 0)
    restarts.inc(labels, container.restarts)
    if (container.exitCode !== undefined) exitCode.set(labels, container.exitCode)
    if (container.startedAt !== undefined) started.set(labels, container.startedAt / 1000)
  }
  const cpu = new Counter(of('cpu_seconds_total', 'Processor time used since the container was started.'))
  const cpuLimit = new Gauge(of('cpu_limit_cores', 'Processors that the container has.'))
  const memory = new Gauge(of('memory_bytes', 'Memory in use, caches that can be given up left aside.'))
  const memoryLimit = new Gauge(of('memory_limit_bytes', 'Memory that the container has.'))
  const processes = new Gauge(of('processes', 'Processes and threads.'))
  const processesLimit = new Gauge(of('processes_limit', 'Processes and threads there may be.'))
  for (const container of usage.containers) {
    const labels = labelsOf(container.name)
    cpu.inc(labels, container.cpuSeconds)
    cpuLimit.set(labels, container.cpuMilliLimit / 1000)
    memory.set(labels, container.memoryBytes)
    memoryLimit.set(labels, container.memoryMiBLimit * MIB)
    processes.set(labels, container.processes)
    processesLimit.set(labels, container.processesLimit)
  }
}

function ofLease(registry: Registry, { usage, collectors }: Scraped): void {
  const of = (name: string, help: string) => ({ name: `cloister_lease_${name}`, help, registers: [registry] })
  new Gauge(of('disk_bytes', 'Disk that files of the lease take.')).set(usage.diskBytes)
  new Gauge(of('disk_limit_bytes', 'Disk that the lease has.')).set(usage.diskMiBLimit * MIB)
  if (usage.network) {
    new Counter(of('network_receive_bytes_total', 'Bytes received from beyond its containers.')).inc(
      usage.network.received,
    )
    new Counter(of('network_transmit_bytes_total', 'Bytes sent beyond its containers.')).inc(
      usage.network.sent,
    )
  }
  if (collectors.length === 0) return
  const labelNames = ['collector']
  const sent = new Counter({ ...of('log_lines_sent_total', 'Lines that a collector took.'), labelNames })
  const dropped = new Counter({
    ...of('log_lines_dropped_total', 'Lines that a collector did not get.'),
    labelNames,
  })
  for (const [index, collector] of collectors.entries()) {
    // Two may have one address.
    const labels = {
      collector:
        collectors.findIndex(({ url }) => url === collector.url) === index
          ? collector.url
          : `${collector.url} ${index}`,
    }
    sent.inc(labels, collector.sent)
    dropped.inc(labels, collector.dropped)
  }
}

function labelsOf(container: string) {
  const [service, replica] = split(container)
  return { container, service, replica: String(replica) }
}
