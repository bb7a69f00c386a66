import { fetchJson } from '@cloister/client'
import { type GatewayRoute, type LeaseRecord, RouteReport } from '@cloister/core'
import { type DialAgent, fetchOver } from '@cloister/transport'
import * as z from 'zod'
import { targetOf } from './dial.ts'
import type { LoopbackPorts } from './loopback.ts'

const MAX_ANSWER_BYTES = 64 * 1024
const ANSWER_MS = 5_000

/** Every public address of an open lease; its worker says what it opens, we say under which names. */
export async function routesOf(
  lease: LeaseRecord,
  parts: { agent: DialAgent; loopback: LoopbackPorts | undefined; urlOf: (label: string) => string },
): Promise<GatewayRoute[]> {
  const url = new URL(`/v1/leases/${lease.lease}/routes`, lease.endpoint).href
  const reports = await fetchJson('The worker', url, z.array(RouteReport).max(1_000), {
    // No host of its own: it asks the worker itself, and none of the services there.
    headers: { host: 'worker' },
    send: (_, init) => fetchOver(parts.agent, targetOf(lease), url, init),
    maxBytes: MAX_ANSWER_BYTES,
    signal: AbortSignal.timeout(ANSWER_MS),
  })
  const routes: GatewayRoute[] = []
  for (const [index, { service, port, protocol, label, address }] of reports.entries()) {
    if (protocol !== 'http') {
      routes.push({ service, port, protocol, url: `${protocol}://${address ?? ''}` })
      continue
    }
    const loopback = await parts.loopback?.portOf({ key: lease.shortId, label })
    routes.push({
      service,
      port,
      protocol,
      url: parts.urlOf(`${lease.shortId}-${label}`),
      ...(index === 0 && lease.name !== undefined && { namedUrl: parts.urlOf(lease.name) }),
      ...(loopback !== undefined && { loopbackUrl: `http://127.0.0.1:${loopback}` }),
    })
  }
  return routes
}
