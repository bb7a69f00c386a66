import type { MetricsReport } from '@cloister/core'
import { type CollectedLine, containerOf, nanosecondsOf, type Source } from './line.ts'

type Value = { stringValue: string } | { intValue: string }
interface Attribute {
  key: string
  value: Value
}

const SCOPE = { name: 'cloister' }
/** AGGREGATION_TEMPORALITY_CUMULATIVE of opentelemetry-proto's metrics.proto. */
const CUMULATIVE = 2

/**
 * Lines as an `ExportLogsServiceRequest` in OTLP's JSON (OpenTelemetry protocol 1.x, "JSON Protobuf
 * Encoding"): a resource for each container, `log.iostream` with each line.
 */
export function otlpLogs(lines: readonly CollectedLine[], source: Source): object {
  const observed = String(BigInt(Date.now()) * 1_000_000n)
  const times = nanosecondsOf(lines)
  const byContainer = new Map<string, { first: CollectedLine; records: object[] }>()
  for (const [index, line] of lines.entries()) {
    const name = containerOf(line)
    const of = byContainer.get(name) ?? { first: line, records: [] }
    byContainer.set(name, of)
    of.records.push({
      timeUnixNano: times[index],
      observedTimeUnixNano: observed,
      body: { stringValue: line.text },
      attributes: [attribute('log.iostream', line.stream)],
    })
  }
  return {
    resourceLogs: [...byContainer.values()].map(({ first, records }) => ({
      resource: { attributes: resourceOf(first, source) },
      scopeLogs: [{ scope: SCOPE, logRecords: records }],
    })),
  }
}

/** What a lease uses, and how often its containers were started again. */
export interface Reading extends MetricsReport {
  /** When counting began, Unix milliseconds. */
  begunAt: number
}

/**
 * A reading as an `ExportMetricsServiceRequest` in OTLP's JSON, by the names of OpenTelemetry's conventions
 * for containers where there are any.
 */
export function otlpMetrics(reading: Reading, source: Source): object {
  const time = nano(reading.time)
  const gauge = (name: string, unit: string, value: number) => ({
    name,
    unit,
    gauge: { dataPoints: [{ timeUnixNano: time, asDouble: value }] },
  })
  const sum = (
    name: string,
    unit: string,
    from: number,
    points: { value: number; attributes?: Attribute[] }[],
  ) => ({
    name,
    unit,
    sum: {
      aggregationTemporality: CUMULATIVE,
      isMonotonic: true,
      dataPoints: points.map(({ value, attributes = [] }) => ({
        startTimeUnixNano: nano(from),
        timeUnixNano: time,
        asDouble: value,
        attributes,
      })),
    },
  })
  const containers = reading.containers.map((container) => {
    const [service, replica] = split(container.name)
    const from = container.startedAt ?? reading.begunAt
    return {
      resource: { attributes: resourceOf({ service, replica }, source) },
      scopeMetrics: [
        {
          scope: SCOPE,
          metrics: [
            sum('container.cpu.time', 's', from, [{ value: container.cpuSeconds }]),
            gauge('container.memory.usage', 'By', container.memoryBytes),
            gauge('cloister.container.cpu.limit', '{cpu}', container.cpuMilliLimit / 1000),
            gauge('cloister.container.memory.limit', 'By', container.memoryMiBLimit * 1024 * 1024),
            gauge('cloister.container.processes', '{process}', container.processes),
            sum('cloister.container.restarts', '{restart}', reading.begunAt, [
              { value: container.restarts ?? 0 },
            ]),
          ],
        },
      ],
    }
  })
  const ofLease = [
    gauge('cloister.lease.disk.usage', 'By', reading.diskBytes),
    gauge('cloister.lease.disk.limit', 'By', reading.diskMiBLimit * 1024 * 1024),
    ...(reading.network
      ? [
          sum('cloister.lease.network.io', 'By', reading.begunAt, [
            { value: reading.network.received, attributes: [attribute('network.io.direction', 'receive')] },
            { value: reading.network.sent, attributes: [attribute('network.io.direction', 'transmit')] },
          ]),
        ]
      : []),
  ]
  return {
    resourceMetrics: [
      ...containers,
      {
        resource: { attributes: leaseAttributes(source) },
        scopeMetrics: [{ scope: SCOPE, metrics: ofLease }],
      },
    ],
  }
}

function resourceOf(
  { service, replica }: Pick<CollectedLine, 'service' | 'replica'>,
  source: Source,
): Attribute[] {
  return [
    attribute('service.name', service),
    attribute('service.instance.id', `${source.lease}/${service}-${replica}`),
    attribute('container.name', `${service}-${replica}`),
    attribute('cloister.service', service),
    { key: 'cloister.replica', value: { intValue: String(replica) } },
    ...leaseAttributes(source),
  ]
}

function leaseAttributes({ lease, worker }: Source): Attribute[] {
  return [attribute('cloister.lease', lease), attribute('cloister.worker', worker)]
}

function attribute(key: string, value: string): Attribute {
  return { key, value: { stringValue: value } }
}

function nano(milliseconds: number): string {
  return String(BigInt(Math.floor(milliseconds)) * 1_000_000n)
}

/** `web-0` as its service and which copy it is. */
export function split(container: string): [service: string, replica: number] {
  const [, service = container, replica = '0'] = /^(.*)-(\d+)$/.exec(container) ?? []
  return [service, Number(replica)]
}
