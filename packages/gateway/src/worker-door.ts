import { MAX_SEALED_BYTES, ROUTE_HEADER, type WorkerRecord } from '@cloister/core'
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
import { EVERY_PAGE, PAGES } from './pages.ts'
import type { Resolver } from './resolve.ts'

/** Paths that a gateway and a worker have in common; see `sealedPaths`. */
const PATH = /^\/v1\/workers\/(0x[0-9a-f]{40})\/(?:key|sealed)$/

/**
 * Leads what browsers have sealed for a worker to that worker, and to nothing else of it. The gateway can't
 * read it; pages of every origin may ask, since no credential of the gateway's counts for anything.
 */
export class WorkerDoor {
  private readonly workers: Resolver<WorkerRecord>
  private readonly agent: DialAgent
  private readonly silence: AllowedSilence

  constructor(workers: Resolver<WorkerRecord>, agent: DialAgent, silence: AllowedSilence) {
    this.workers = workers
    this.agent = agent
    this.silence = silence
  }

  /** The worker that a path is for; undefined for any other path. */
  workerIn(path: string): string | undefined {
    return PATH.exec(path)?.[1]
  }

  async request(worker: string, request: Incoming, response: Outgoing): Promise<void> {
    const record = await this.workers.find(worker).catch(() => PAGES.blind)
    if (!record) return show(PAGES.stranger, request, response)
    if ('status' in record) return show(record, request, response)
    const { endpoint, tlsKeyHash } = record
    if (!URL.canParse(endpoint)) return show(PAGES.unreachable, request, response)
    relayRequest(request, response, {
      upstream: http1Upstream(this.agent, targetOf({ endpoint, tlsKeyHash, lease: record.worker })),
      headers: { ...withoutAll(request), host: 'worker', [ROUTE_HEADER]: undefined },
      answerHeaders: EVERY_PAGE,
      maxBodyBytes: MAX_SEALED_BYTES,
      silence: this.silence,
      refuse: (refusal) => show(pageFor(refusal), request, response),
    })
  }
}

/** Removes what a browser says besides: it is none of the worker's business. */
function withoutAll({ headers }: Incoming): Record<string, undefined> {
  return Object.fromEntries(Object.keys(headers).map((name) => [name, undefined]))
}
