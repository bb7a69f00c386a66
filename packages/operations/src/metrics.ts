// Metrics, by prom-client (decision 41). Behind a door of its own, since it takes 6 MB: a daemon imports it
// once it is asked for metrics.
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { patiently } from './patience.ts'

export { Counter, Gauge, Histogram, Registry } from 'prom-client'

/**
 * Milliseconds between two looks at how late the event loop is; more often costs an idle daemon something.
 */
const LAG_PRECISION_MS = 50

/**
 * A registry with what every process has: processor time, memory, file descriptors, lag of the event loop.
 */
export function openRegistry(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_PRECISION_MS })
  return registry
}

/** All metrics of a registry, in Prometheus' text exposition format 0.0.4. */
export async function expose(registry: Registry): Promise<{ contentType: string; text: string }> {
  return { contentType: registry.contentType, text: await registry.metrics() }
}

/** A metric that is read when somebody asks. */
export interface Observed {
  name: string
  help: string
  /** Of a label, the values that there may be: never what a tenant chose, and no more than a handful. */
  label?: string
  /** One number, or one for each value of the label. */
  read: () => Reading | Promise<Reading>
}
type Reading = number | Record<string, number>

/** Adds what goes up and down. */
export function addGauges(registry: Registry, observed: Observed[]): void {
  for (const metric of observed)
    new Gauge({
      ...shapeOf(registry, metric),
      async collect() {
        const now = await readings(metric)
        // What can't be read is not known, and no old value tells it.
        if (!now && metric.label === undefined) this.set(Number.NaN)
        else this.reset()
        for (const [labels, value] of now ?? []) this.set(labels, value)
      },
    })
}

/** Adds what only grows, counted elsewhere. */
export function addCounters(registry: Registry, observed: Observed[]): void {
  for (const metric of observed)
    new Counter({
      ...shapeOf(registry, metric),
      async collect() {
        const now = await readings(metric)
        // It can't have become less.
        if (!now) return
        this.reset()
        for (const [labels, value] of now) this.inc(labels, value)
      },
    })
}

function shapeOf(registry: Registry, { name, help, label }: Observed) {
  return { name, help, labelNames: label === undefined ? [] : [label], registers: [registry] }
}

/** By labels; undefined for what can't be read now: the other metrics are worth having all the same. */
async function readings({ label, read }: Observed): Promise<[Record<string, string>, number][] | undefined> {
  const reading = await patiently(Promise.resolve().then(read)).catch(() => undefined)
  if (reading === undefined) return undefined
  if (typeof reading === 'number') return [[{}, reading]]
  return Object.entries(reading).map(([value, number]) => [
    label === undefined ? {} : { [label]: value },
    number,
  ])
}

/** A status' class, as requests are counted by: `2xx`; `none` where there was no answer. */
export function classOf(status: number): string {
  return status >= 100 && status < 600 ? `${Math.floor(status / 100)}xx` : 'none'
}
