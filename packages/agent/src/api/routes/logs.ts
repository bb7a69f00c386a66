import { CloisterError, LogReport, linesOf, readableOf } from '@cloister/core'
import { z } from '@hono/zod-openapi'
import { readLogs } from '../logs.ts'
import { flag, params, problem, requireTenant, route, security } from '../route.ts'
import { sse } from '../sse.ts'

const MAX_LINES = 10_000

export const logsRoute = route(
  {
    method: 'get',
    path: '/v1/leases/{id}/logs',
    summary: 'What the services print, as server-sent events',
    security,
    request: {
      params,
      query: z.object({
        service: z.string().max(64).optional(),
        tail: z.coerce.number().int().min(0).max(MAX_LINES).default(1000),
        follow: flag,
      }),
    },
    responses: {
      200: { content: { 'text/event-stream': { schema: LogReport } }, description: 'Lines.' },
      401: problem,
      403: problem,
    },
  },
  async (context, worker) => {
    const { id } = await requireTenant(context, worker, context.req.valid('param').id)
    const { service, tail, follow } = context.req.valid('query')
    const runner = worker.supervisor.runner(id)
    if (!runner) {
      const { sealed, lines, services = [] } = worker.store.ended.report(id) ?? {}
      readableOf(services, service)
      if (sealed !== undefined)
        throw new CloisterError('sealed', 'The lease has ended, and its logs are sealed to its tenant.', {
          hint: `They are at /v1/leases/${id}/ended.`,
        })
      if (!lines) throw new CloisterError('not-found', 'The lease has ended, and its logs are wiped.')
      return sse(context, () => eachOf(linesOf(lines, service, tail)))
    }
    if (readableOf(runner.report(), service).length === 0 && service !== undefined)
      throw new CloisterError('not-found', `The lease has no service ${service}.`, {
        hint: `It has: ${[...new Set(runner.report().map((report) => report.service))].join(', ') || 'none yet'}.`,
      })
    return sse(context, (signal) => readLogs(worker.executor, runner, { service, tail, follow, signal }))
  },
)

async function* eachOf<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}
