import { fetchJson } from '@cloister/client'
import { type GatewayRoute, type LeaseRecord, RouteReport } from '@cloister/core'
import { type DialAgent, fetchOver } from '@cloister/transport'
import * as z from 'zod'
import { targetOf } from './dial.ts'
import type { LoopbackPorts } from './loopback.ts'

const MAX_ANSWER_BYTES = 64 * 1024
const ANSWER_MS = 5_000
/** Milliseconds after which a worker that is asked how a lease is doing counts as away. */
const READY_MS = 2_000

/** What the worker of an open lease opens of it. Throws `unreachable` or `bad-answer`. */
function reportsOf(lease: LeaseRecord, agent: DialAgent, answerMs = ANSWER_MS): Promise<RouteReport[]> {
  const url = new URL(`/v1/leases/${lease.lease}/routes`, lease.endpoint).href
  return fetchJson('The worker', url, z.array(RouteReport).max(1_000), {
    // No host of its own: it asks the worker itself, and none of the services there.
    headers: { host: 'worker' },
    send: (_, init) => fetchOver(agent, targetOf(lease), url, init),
    maxBytes: MAX_ANSWER_BYTES,
    signal: AbortSignal.timeout(answerMs),
  })
}

/** Whether a lease takes requests at its front door, or at its ports where it has none. */
export async function isReady(lease: LeaseRecord, agent: DialAgent): Promise<boolean> {
  const reports = await reportsOf(lease, agent, READY_MS)
  const front = reports.find(({ protocol }) => protocol === 'http')
  // Workers from before say nothing of it.
  return front ? front.ready !== false : reports.length > 0
}

interface RouteParts {
  agent: DialAgent
  loopback: LoopbackPorts | undefined
  urlOf: (label: string) => string
}

/** Every public address of an open lease; its worker says what it opens, we say under which names. */
export async function routesOf(lease: LeaseRecord, parts: RouteParts): Promise<GatewayRoute[]> {
  const reports = await reportsOf(lease, parts.agent)
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

/** The one address of a group, which leads to the front door of its members; none where they have none. */
export async function groupRoutesOf(
  name: string,
  member: LeaseRecord,
  { agent, loopback, urlOf }: RouteParts,
): Promise<GatewayRoute[]> {
  const front = (await reportsOf(member, agent)).find(({ protocol }) => protocol === 'http')
  if (!front) return []
  const port = await loopback?.portOf({ key: name, label: '' })
  return [
    {
      service: front.service,
      port: front.port,
      protocol: 'http',
      url: urlOf(name),
      ...(port !== undefined && { loopbackUrl: `http://127.0.0.1:${port}` }),
    },
  ]
}
