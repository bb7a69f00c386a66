import type { LeaseRecord } from '@cloister/core'
import {
  type AllowedSilence,
  type DialAgent,
  http1Upstream,
  type Incoming,
  type Outgoing,
  relayRequest,
} from '@cloister/transport'
import { targetOf } from './dial.ts'
import { pageFor, show } from './door.ts'
import { PAGES } from './pages.ts'
import type { Resolver } from './resolve.ts'

const PATH = /^\/v1\/leases\/(0x[0-9a-f]{64})\/scrape$/

/**
 * Leads who scrapes the metrics of a lease to its worker: Prometheus knows certificates that everybody
 * trusts, which workers don't have. The worker judges the token; the gateway sees it, and the metrics.
 */
export class ScrapeDoor {
  private readonly leases: Resolver<LeaseRecord>
  private readonly agent: DialAgent
  private readonly silence: AllowedSilence

  constructor(leases: Resolver<LeaseRecord>, agent: DialAgent, silence: AllowedSilence) {
    this.leases = leases
    this.agent = agent
    this.silence = silence
  }

  /** The lease whose metrics a path is for; undefined for any other path. */
  leaseIn(path: string): string | undefined {
    return PATH.exec(path)?.[1]
  }

  async request(key: string, request: Incoming, response: Outgoing): Promise<void> {
    const lease = await this.leases.find(key)
    if (lease?.state !== 'open') return show(lease ? PAGES.closed : PAGES.unknown, request, response)
    if (request.method !== 'GET') return show(PAGES.unknown, request, response)
    const { authorization } = request.headers
    const none = Object.fromEntries(Object.keys(request.headers).map((name) => [name, undefined]))
    relayRequest(request, response, {
      upstream: http1Upstream(this.agent, targetOf(lease)),
      headers: {
        ...none,
        host: 'worker',
        authorization: typeof authorization === 'string' ? authorization : undefined,
      },
      answerHeaders: {},
      maxBodyBytes: 0,
      silence: this.silence,
      refuse: (refusal) => show(pageFor(refusal), request, response),
    })
  }
}
