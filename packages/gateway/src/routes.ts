import { request as httpRequest } from 'node:http'
import { type GatewayRoute, type LeaseRecord, RouteReport } from '@cloister/core'
import type { DialAgent } from '@cloister/transport'
import { z } from 'zod'
import { targetOf } from './dial.ts'
import type { LoopbackPorts } from './loopback.ts'

const MAX_ANSWER_BYTES = 64 * 1024
const ANSWER_MS = 5_000

/** Every public address of an open lease; its worker says what it opens, we say under which names. */
export async function routesOf(
  lease: LeaseRecord,
  parts: { agent: DialAgent; loopback: LoopbackPorts | undefined; urlOf: (label: string) => string },
): Promise<GatewayRoute[]> {
  const reports = z
    .array(RouteReport)
    .max(1_000)
    .parse(await getJson(parts.agent, targetOf(lease), `/v1/leases/${lease.lease}/routes`))
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

function getJson(agent: DialAgent, target: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    // `target` is not Node's: it reaches our agent with the other options.
    const options = {
      agent,
      target,
      path,
      headers: { host: 'worker' },
      signal: AbortSignal.timeout(ANSWER_MS),
    }
    const asking = httpRequest(options, (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > MAX_ANSWER_BYTES) response.destroy(new Error('the worker says too much'))
        else chunks.push(chunk)
      })
      response.on('error', reject)
      response.on('end', () => {
        try {
          if (response.statusCode !== 200) throw new Error(`the worker answered ${response.statusCode}`)
          resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')))
        } catch (error) {
          reject(error)
        }
      })
    })
    asking.on('error', reject)
    asking.end()
  })
}
