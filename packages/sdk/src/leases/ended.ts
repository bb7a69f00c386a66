import {
  CloisterError,
  type EndedReport,
  fromBase64,
  type LogReport,
  LogReports,
  linesOf,
  textOf,
} from '@cloister/core'
import { contextOfEnded, open } from '@cloister/secrets'
import { concat } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import { sessionOf } from '../session.ts'
import { findLease } from './lease.ts'
import { readingKey } from './reading-key.ts'

/** Bytes of lines; workers keep less. */
const MAX_BYTES = 16 * 1024 * 1024

/** What is left of a lease that has ended. Instants in Unix milliseconds. */
export interface Ended extends Pick<EndedReport, 'lease' | 'endedAt' | 'keptUntil' | 'services'> {
  /** What its services printed last, oldest first. */
  lines: LogReport[]
}

/**
 * What a worker keeps for a day of a lease that has ended: how its containers were doing, exit codes and
 * reasons, and what they printed last, sealed to the account's reading key. Throws `not-found` once it is
 * wiped, and `not-sealed-for-us`.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { services, lines } = await leases.ended(cloister, 'my-app')
 * for (const { name, exitCode, reason } of services) console.log(name, exitCode, reason)
 * for (const { container, text } of lines) console.log(container, text)
 * ```
 */
export async function ended(cloister: Cloister, key: string): Promise<Ended> {
  const record = await findLease(cloister, key)
  const { sealed, lines = [], ...report } = await sessionOf(cloister, record).asTenant.ended(record.lease)
  if (report.lease !== record.lease)
    throw new CloisterError('bad-answer', 'The worker answered with what is left of another lease.')
  if (sealed === undefined) return { ...report, lines }
  const pair = await readingKey(walletOf(cloister))
  if (!pair)
    throw new CloisterError('not-sealed-for-us', 'This account signs too variably to have a reading key.')
  const packed = await open([pair.privateKey], fromBase64(sealed), contextOfEnded(record.lease))
  const read = LogReports.safeParse(JSON.parse(textOf(await unpacked(packed))))
  if (!read.success) throw new CloisterError('bad-answer', 'What the worker kept are no lines.')
  return { ...report, lines: read.data }
}

/** What logs are asked for. */
export interface LogsWanted {
  /** A service or a container; all of them if not given. */
  service?: string | undefined
  /** Only so many last lines; 1000 if not given. */
  tail?: number
  /** Go on with what comes. */
  follow?: boolean
  signal: AbortSignal
}

/**
 * What a lease's services print; of a lease that has ended what they printed last, for a day. Throws
 * `not-found`, and what `ended` throws.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const signal = AbortSignal.timeout(60_000)
 * for await (const { container, text } of leases.logs(cloister, 'my-app', { follow: true, signal }))
 *   console.log(container, text)
 * ```
 */
export function logs(cloister: Cloister, key: string, wanted: LogsWanted): AsyncGenerator<LogReport> {
  return readLogs(cloister, key, wanted)
}

async function* readLogs(cloister: Cloister, key: string, wanted: LogsWanted): AsyncGenerator<LogReport> {
  const record = await findLease(cloister, key)
  try {
    yield* sessionOf(cloister, record).asTenant.logs(record.lease, wanted)
  } catch (error) {
    if (!(error instanceof CloisterError) || error.code !== 'sealed') throw error
    const { lines } = await ended(cloister, record.lease)
    yield* linesOf(lines, wanted.service, wanted.tail ?? 1000)
  }
}

async function unpacked(packed: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([new Uint8Array(packed)]).stream().pipeThrough(new DecompressionStream('gzip'))
  const parts: Uint8Array[] = []
  let bytes = 0
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read()
    if (done) break
    bytes += value.length
    if (bytes > MAX_BYTES)
      throw new CloisterError('bad-answer', 'What the worker kept is more than it keeps.')
    parts.push(value)
  }
  return concat(parts)
}
