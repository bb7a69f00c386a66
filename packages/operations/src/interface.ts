import { createServer, type ServerResponse } from 'node:http'
import { messageOf } from '@cloister/core'
import { SERVER_OPTIONS, type Served, serve } from '@cloister/transport'
import type { Readiness } from './readiness.ts'

/** What an operator's interface answers from. */
export interface OperatorParts {
  /** Whose it is, for messages: `The gateway`. */
  who: string
  at: { host: string; port: number }
  /** All metrics, as text. */
  metrics: () => Promise<{ contentType: string; text: string }>
  readiness: Readiness
}

/**
 * What operators and their machines ask of a daemon, on a port of its own: `/metrics` in Prometheus' text
 * format, `/health` (it lives) and `/ready` (it can serve; 503 with the reasons where not). Throws
 * `port-taken`.
 */
export function openOperatorInterface({ who, at, metrics, readiness }: OperatorParts): Promise<Served> {
  const answers: Record<string, (response: ServerResponse) => Promise<void>> = {
    '/metrics': async (response) => {
      const { contentType, text } = await metrics()
      send(response, 200, contentType, text)
    },
    '/health': async (response) => send(response, 200, 'text/plain', 'ok\n'),
    '/ready': async (response) => {
      const report = await readiness.report()
      send(response, report.ready ? 200 : 503, 'application/json', `${JSON.stringify(report)}\n`)
    },
  }
  const server = createServer(SERVER_OPTIONS, (request, response) => {
    const answer = answers[(request.url ?? '').split('?', 1)[0] ?? '']
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return send(response.setHeader('allow', 'GET, HEAD'), 405, 'text/plain', 'Only GET is answered here.\n')
    if (!answer) return send(response, 404, 'text/plain', 'Here are /metrics, /health and /ready.\n')
    answer(response).catch((error) => send(response, 500, 'text/plain', `${messageOf(error)}\n`))
  })
  return serve(`${who}’s interface for operators`, server, at)
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  const headers = {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  }
  // Of an answer to HEAD Node sends no body.
  response.writeHead(status, headers).end(body)
}
