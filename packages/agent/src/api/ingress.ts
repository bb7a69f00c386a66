import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { ROUTE_HEADER } from '@cloister/core'
import { DialAgent, relayRequest, relayUpgrade } from '@cloister/relay'
import type { Hex } from 'viem'
import { type Exposed, exposedHttp } from '../leases/plan.ts'
import type { Worker } from '../worker.ts'

const MAX_BODY_BYTES = 1024 * 1024 * 1024
const ANSWER_MS = 120_000

/** Leads requests that a gateway sends to the containers of a service, in turn. Only ports that the manifest opens to the outside. */
export class Ingress {
  private readonly worker: Worker
  private readonly agent: DialAgent
  private turn = 0

  constructor(worker: Worker) {
    this.worker = worker
    this.agent = new DialAgent((target) => {
      const [lease = '', container = '', port = ''] = target.split('/')
      return worker.executor.connect(lease, container, Number(port))
    })
  }

  request(request: IncomingMessage, response: ServerResponse): void {
    const target = this.target(request)
    const refuse = (status: number, reason: string) => {
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cloister-state': reason }).end(`${reason}\n`)
    }
    if (!target) return refuse(404, 'unknown')
    if (target === 'starting') return refuse(503, 'starting')
    relayRequest(request, response, {
      agent: this.agent,
      target,
      headers: { [ROUTE_HEADER]: undefined },
      maxBodyBytes: MAX_BODY_BYTES,
      timeoutMs: ANSWER_MS,
      refuse: (status) => refuse(status, status === 413 ? 'too large' : 'unreachable'),
    })
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const target = this.target(request)
    if (!target || target === 'starting') return void socket.end(`HTTP/1.1 ${target ? 503 : 404} Refused\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`)
    relayUpgrade(request, socket, head, { agent: this.agent, target, headers: { [ROUTE_HEADER]: undefined }, timeoutMs: ANSWER_MS })
  }

  close(): void {
    this.agent.destroy()
  }

  private target(request: IncomingMessage): string | undefined {
    const [id = '', label = ''] = String(request.headers[ROUTE_HEADER]).split('/')
    const runner = this.worker.supervisor.runner(id as Hex)
    if (!runner) return undefined
    const lease = this.worker.store.lease(id as Hex)
    const manifest = lease?.running?.manifest ?? lease?.next?.manifest
    if (!manifest) return 'starting'
    const exposed = find(exposedHttp(manifest), label)
    if (!exposed) return undefined
    const ready = runner.ready(exposed.service)
    const container = ready[this.turn++ % Math.max(ready.length, 1)]
    return container === undefined ? 'starting' : `${id}/${container}/${exposed.port}`
  }
}

function find(exposed: Exposed[], label: string): Exposed | undefined {
  return label === '' ? exposed[0] : exposed.find((port) => port.label === label)
}
