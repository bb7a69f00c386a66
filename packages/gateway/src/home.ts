import type { ServerResponse } from 'node:http'
import type { LeaseRecord } from '@cloister/core'
import type { Readiness } from '@cloister/operations'
import type { DialAgent, Incoming, Outgoing } from '@cloister/transport'
import { show } from './door.ts'
import { type Groups, leadsToGroup } from './groups/groups.ts'
import type { CarefulInference } from './inference/careful.ts'
import type { LoopbackPorts } from './loopback.ts'
import { EVERY_PAGE, PAGES } from './pages.ts'
import type { Resolver } from './resolve.ts'
import { groupRoutesOf, routesOf } from './routes.ts'
import type { ScrapeDoor } from './scrape-door.ts'
import type { WorkerDoor } from './worker-door.ts'

const JSON_UNSTORED = { 'content-type': 'application/json', 'cache-control': 'no-store' }
const ROUTES_PATH = /^\/v1\/routes\/(0x[0-9a-f]{64}|[a-z0-9-]{1,32})$/

/** What is at the domain itself: the gateway's health, inference, addresses of a lease, a way to workers. */
export class Home {
  private readonly parts: {
    readiness: Readiness
    leases: Resolver<LeaseRecord>
    groups: Groups
    workers: WorkerDoor
    scrapes: ScrapeDoor
    inference: CarefulInference
    agent: DialAgent
    loopback: LoopbackPorts | undefined
    /** The address of a label under the domain. */
    urlOf: (label: string) => string
  }

  constructor(parts: Home['parts']) {
    this.parts = parts
  }

  /** Answers a request. It answers with a page where anything goes wrong that nobody thought of. */
  request(request: Incoming, response: Outgoing): void {
    this.answer(request, response).catch(() => show(PAGES.unreachable, request, response))
  }

  private async answer(request: Incoming, response: Outgoing): Promise<void> {
    const { readiness, workers, scrapes, inference } = this.parts
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
    const plain = response as ServerResponse
    if (path === '/health') return void plain.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n')
    if (path === '/ready') {
      const report = await readiness.report()
      return void plain.writeHead(report.ready ? 200 : 503, JSON_UNSTORED).end(`${JSON.stringify(report)}\n`)
    }
    if (inference.isFor(path)) return inference.request(request, response)
    const worker = workers.workerIn(path)
    if (worker !== undefined) return workers.request(worker, request, response)
    const scraped = scrapes.leaseIn(path)
    if (scraped !== undefined) return scrapes.request(scraped, request, response)
    const key = ROUTES_PATH.exec(path)?.[1]
    if (key !== undefined) return this.routes(key, request, response)
    show(path === '/' ? PAGES.home : PAGES.unknown, request, response)
  }

  private async routes(key: string, request: Incoming, response: Outgoing): Promise<void> {
    const lease = await this.parts.leases.find(key)
    if (lease?.state !== 'open') return show(lease ? PAGES.closed : PAGES.unknown, request, response)
    const member = leadsToGroup(key, lease)
      ? await this.parts.groups.reached(lease, { tried: new Set() })
      : undefined
    const routes = member ? await groupRoutesOf(key, member, this.parts) : await routesOf(lease, this.parts)
    const plain = response as ServerResponse
    plain.writeHead(200, { ...JSON_UNSTORED, ...EVERY_PAGE }).end(JSON.stringify(routes))
  }
}
