import { CloisterError } from './errors/error.ts'

const MIB = 1024n * 1024n

const BYTE_UNITS: Record<string, bigint> = {
  '': 1n,
  b: 1n,
  k: 1024n,
  kb: 1024n,
  kib: 1024n,
  m: MIB,
  mb: MIB,
  mib: MIB,
  g: 1024n * MIB,
  gb: 1024n * MIB,
  gib: 1024n * MIB,
  t: 1024n * 1024n * MIB,
  tb: 1024n * 1024n * MIB,
  tib: 1024n * 1024n * MIB,
}

const QUANTITY_UNITS: Record<string, bigint> = {
  '': 1n,
  k: 1000n,
  m: 1000n ** 2n,
  g: 1000n ** 3n,
  t: 1000n ** 4n,
  p: 1000n ** 5n,
  kb: 1000n,
  mb: 1000n ** 2n,
  gb: 1000n ** 3n,
  tb: 1000n ** 4n,
  ki: 1024n,
  mi: MIB,
  gi: 1024n * MIB,
  ti: 1024n ** 2n * MIB,
  pi: 1024n ** 3n * MIB,
}

/** Milliseconds that the longest duration in a manifest may have: a year. */
export const MAX_DURATION_MS = 366 * 86_400_000
/**
 * Milliseconds of the longest timer that Node and browsers have, 24.8 days; they take a longer one for a
 * very short one.
 */
const MAX_TIMER_MS = 2 ** 31 - 1

const DURATION_UNITS: Record<string, number> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/**
 * Compose's byte values (Compose specification, "Specifying byte values"): `b`, `k`, `m`, `g` are powers of
 * 1024.
 */
export function parseByteValueMiB(text: string): number {
  return toMiB(text, BYTE_UNITS, 'a byte value such as 512m or 2g')
}

/** Kubernetes-style quantities as in SDL: `Mi`, `Gi` are powers of 1024, `M`, `G` (and
 * `MB`, `GB`, which people write) of 1000. Rounded up to MiB. */
export function parseQuantityMiB(text: string): number {
  return toMiB(text, QUANTITY_UNITS, 'a quantity such as 512Mi or 2Gi')
}

function toMiB(text: string, units: Record<string, bigint>, accepted: string): number {
  const match = /^(\d{0,15})(?:\.(\d{1,6}))?\s*([a-zA-Z]{0,3})$/.exec(text.trim())
  const unit = units[(match?.[3] ?? '?').toLowerCase()]
  if (!match || unit === undefined || (match[1] === '' && match[2] === undefined))
    throw badUnit(text, accepted)
  const fraction = (match[2] ?? '').padEnd(6, '0')
  const millionths = BigInt(match[1] || '0') * 1_000_000n + BigInt(fraction)
  const bytes = millionths * unit
  const mib = (bytes + MIB * 1_000_000n - 1n) / (MIB * 1_000_000n)
  if (mib > 1n << 31n) throw badUnit(text, 'at most 2 PiB')
  return Number(mib)
}

/** CPUs as `0.5`, `.5`, `2` or `500m`, in thousandths of a CPU; at least one. */
export function parseCpuMilli(text: string): number {
  const match = /^(?:(\d{1,6})m|(\d{0,4})(?:\.(\d{1,9}))?)$/.exec(text.trim())
  if (!match || text.trim() === '') throw badUnit(text, 'CPUs such as 0.5, 2 or 500m')
  const milli =
    match[1] === undefined
      ? Number(match[2]) * 1000 + Math.ceil(Number(`${(match[3] ?? '').padEnd(9, '0')}`) / 1_000_000)
      : Number(match[1])
  if (milli < 1) throw badUnit(text, 'more than no CPU')
  return milli
}

/** Durations as `90s`, `1m30s`, `2h`, `1d`, in whole milliseconds. */
export function parseDurationMs(text: string): number {
  const whole = text.trim()
  if (whole === '0') return 0
  if (!/^(\d+(\.\d+)?(us|ms|s|m|h|d))+$/.test(whole) || whole.length > 40)
    throw badUnit(text, 'a duration such as 90s, 1m30s or 2h')
  let total = 0
  for (const [, number, , unit] of whole.matchAll(/(\d+(\.\d+)?)(us|ms|s|m|h|d)/g))
    total += Number(number) * (DURATION_UNITS[unit ?? ''] ?? 0)
  if (total > MAX_DURATION_MS) throw badUnit(text, 'at most a year')
  return Math.round(total)
}

/** Milliseconds for a timer that somebody else's duration sets: no timer waits longer than 24.8 days. */
export function timerMs(durationMs: number): number {
  return Math.min(durationMs, MAX_TIMER_MS)
}

function badUnit(found: string, accepted: string): CloisterError {
  return new CloisterError('bad-unit', `${JSON.stringify(found.slice(0, 60))} is not ${accepted}.`, {
    details: { found: found.slice(0, 60), accepted },
  })
}

/** `1536` → `1.5 GiB`. */
export function formatMiB(mib: number): string {
  if (mib >= 1024 * 1024) return `${trim(mib / 1024 / 1024)} TiB`
  return mib >= 1024 ? `${trim(mib / 1024)} GiB` : `${trim(mib)} MiB`
}

/** `1500` → `1.5 CPU`. */
export function formatCpu(milli: number): string {
  // Two decimals would make nothing of a few thousandths.
  return `${milli < 10 ? milli / 1000 : trim(milli / 1000)} CPU`
}

/** Seconds as the two largest units: `2h 5m`, `3d 4h`, `12s`. */
export function formatDuration(seconds: number): string {
  const parts: string[] = []
  let left = Math.max(0, Math.floor(seconds))
  for (const [unit, size] of [
    ['y', 31_536_000],
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    const count = Math.floor(left / size)
    if (count > 0 || (unit === 's' && parts.length === 0)) parts.push(`${count}${unit}`)
    left -= count * size
    if (parts.length === 2) break
  }
  return parts.join(' ')
}

function trim(value: number): string {
  return String(Math.round(value * 100) / 100)
}
