import { toBase64Url } from '@cloister/core'
import { type Hex, sha256 } from 'viem'
import type { Cloister } from '../cloister.ts'
import { sessionOf } from '../session.ts'
import { findLease } from './lease.ts'

const DAY_SECONDS = 86_400
const DEFAULT_DAYS = 90

/** What Prometheus reads the metrics of a lease with. */
export interface ScrapeAccess {
  lease: Hex
  /** `Authorization: Bearer …`. Whoever has it can read the lease's metrics, and nothing else. */
  token: string
  /** Unix seconds. */
  expiresAt: number
  /** At the network's gateway. */
  url: string
}

/**
 * Makes a token with which Prometheus, or anybody, can read the metrics of a lease. The worker is told its
 * hash alone. A lease has up to eight; one more takes the place of the oldest.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * const { url, token } = await leases.makeScrapeToken(cloister, 'my-app', { ttlSeconds: 7 * 86_400 })
 * const metrics = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
 * ```
 */
export async function makeScrapeToken(
  cloister: Cloister,
  key: string,
  { ttlSeconds = DEFAULT_DAYS * DAY_SECONDS }: { ttlSeconds?: number } = {},
): Promise<ScrapeAccess> {
  const record = await findLease(cloister, key)
  const token = `cst_${toBase64Url(crypto.getRandomValues(new Uint8Array(32)))}`
  const expiresAt = Math.floor(Date.now() / 1000) + ttlSeconds
  const hash = sha256(new TextEncoder().encode(token))
  await sessionOf(cloister, record).asTenant.changeScrapeTokens(record.lease, { add: { hash, expiresAt } })
  const url = `${cloister.network.gatewayUrl.replace(/\/$/, '')}/v1/leases/${record.lease}/scrape`
  return { lease: record.lease, token, expiresAt, url }
}

/**
 * Has no token of a lease hold any more.
 *
 * @example
 * ```ts
 * import { leases } from '@cloister/sdk'
 *
 * await leases.revokeScrapeTokens(cloister, 'my-app')
 * ```
 */
export async function revokeScrapeTokens(cloister: Cloister, key: string): Promise<void> {
  const record = await findLease(cloister, key)
  await sessionOf(cloister, record).asTenant.changeScrapeTokens(record.lease, { revoke: 'all' })
}
