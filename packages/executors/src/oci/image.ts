import { type Health, MAX_DURATION_MS, MAX_RETRIES } from '@cloister/core'
import type { ImageConfig } from '@cloister/images'
import type { Image } from '../executor.ts'

const NANOSECONDS_PER_MS = 1_000_000
/** Docker's defaults (Docker Engine API, `HealthConfig`: 0 means inherit, and the engine's own are these). */
const DEFAULT_MS = 30_000
const DEFAULT_RETRIES = 3

/** An image as executors use it, from its OCI configuration. */
export function describeImage(reference: string, digest: string, { config }: ImageConfig): Image {
  const env: Record<string, string> = {}
  for (const entry of config?.Env ?? []) {
    const equals = entry.indexOf('=')
    if (equals > 0 && entry.slice(0, equals) !== '__proto__')
      env[entry.slice(0, equals)] = entry.slice(equals + 1)
  }
  const health = healthOf(config?.Healthcheck)
  const stopSignal = config?.StopSignal ?? ''
  return {
    reference,
    digest,
    entrypoint: config?.Entrypoint ?? [],
    command: config?.Cmd ?? [],
    env,
    workingDir: config?.WorkingDir || '/',
    user: config?.User ?? '',
    volumes: Object.keys(config?.Volumes ?? {}),
    ports: Object.keys(config?.ExposedPorts ?? {}).flatMap(portOf),
    ...(stopSignal !== '' && { stopSignal }),
    ...(health && { health }),
  }
}

/** The image's own check, within what a manifest may ask for; undefined where it has none, or says NONE. */
function healthOf(check: NonNullable<ImageConfig['config']>['Healthcheck']): Health | undefined {
  const test = check?.Test ?? []
  if (!check || test.length < 2 || (test[0] !== 'CMD' && test[0] !== 'CMD-SHELL')) return undefined
  const milliseconds = (nanoseconds: number | null | undefined, otherwise: number) =>
    Math.min(Math.round((nanoseconds ?? 0) / NANOSECONDS_PER_MS) || otherwise, MAX_DURATION_MS)
  return {
    test,
    intervalMs: milliseconds(check.Interval, DEFAULT_MS),
    timeoutMs: milliseconds(check.Timeout, DEFAULT_MS),
    startPeriodMs: milliseconds(check.StartPeriod, 0),
    retries: Math.min(check.Retries || DEFAULT_RETRIES, MAX_RETRIES),
  }
}

/** `80`, `80/tcp`, `53/udp` or `8000-8003`. */
function portOf(text: string): Image['ports'] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp))?$/.exec(text)
  if (!match) return []
  const first = Number(match[1])
  const last = Number(match[2] ?? first)
  if (first < 1 || last > 65_535 || last - first > 1_000) return []
  const protocol = match[3] === 'udp' ? 'udp' : 'tcp'
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => ({
    port: first + index,
    protocol,
  }))
}
