import type { Health, Service } from './service.ts'

/** A health check with nothing left open. */
export type HealthCheck = Required<{ [key in keyof Health]: NonNullable<Health[key]> }>

/**
 * The check of a service: what its manifest says, and where that is silent what its image says, as Docker
 * merges them. Undefined where neither has one, or where the manifest switches it off.
 */
export function healthCheckOf(stated: Service['health'], image: Health = {}): HealthCheck | undefined {
  if (stated === 'none') return undefined
  const pick = <key extends keyof Health>(key: key) => stated?.[key] ?? image[key]
  const test = pick('test')
  if (!test || test[0] === 'NONE') return undefined
  // What neither states is Docker's default.
  return {
    test,
    intervalMs: pick('intervalMs') ?? 30_000,
    timeoutMs: pick('timeoutMs') ?? 30_000,
    startPeriodMs: pick('startPeriodMs') ?? 0,
    retries: pick('retries') ?? 3,
  }
}
