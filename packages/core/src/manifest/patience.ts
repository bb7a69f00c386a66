import { healthCheckOf } from './health.ts'
import type { Manifest } from './manifest.ts'
import type { Service } from './service.ts'

/** What a service without a health check may take until its ports open. */
const BASE_MS = 300_000

/**
 * Milliseconds that the containers of a manifest may take until all are ready, images aside: five minutes,
 * and what health checks allow (start period, then every retry) along the longest chain of services that
 * wait for each other to be healthy or complete.
 */
export function startPatienceMs({ services }: Pick<Manifest, 'services'>): number {
  const known = new Map<string, number>()
  const patienceOf = (name: string): number => {
    const found = known.get(name)
    if (found !== undefined) return found
    // A circle, which no manifest has, would end here.
    known.set(name, 0)
    const service = services[name]
    const before = (service?.dependsOn ?? [])
      .filter(({ condition }) => condition !== 'started')
      .map((dependency) => patienceOf(dependency.service))
    const patience = Math.max(0, ...before) + (service ? healthPatienceMs(service) : 0)
    known.set(name, patience)
    return patience
  }
  return BASE_MS + Math.max(0, ...Object.keys(services).map(patienceOf))
}

/** What the manifest states; an image's own check is known to the worker alone. */
function healthPatienceMs({ health: stated }: Pick<Service, 'health'>): number {
  const health = healthCheckOf(stated)
  return health ? health.startPeriodMs + health.retries * (health.intervalMs + health.timeoutMs) : 0
}
