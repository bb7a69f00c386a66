import { CloisterError, ScrapeTokens } from '@cloister/core'
import { z } from '@hono/zod-openapi'
import { exposeLease } from '../../leases/exposition.ts'
import { holds } from '../../leases/scrape-tokens.ts'
import { handOver } from '../hand-over.ts'
import { metricsReport } from '../reports.ts'
import { params, problem, route } from '../route.ts'

export const scrapeTokensRoute = handOver(
  '/v1/leases/{id}/scrape-tokens',
  'Let somebody with a token read the metrics of a lease, or nobody any more',
  ScrapeTokens,
  (supervisor, lease, change) => supervisor.acceptScrapeTokens(lease, change),
)

export const scrapeRoute = route(
  {
    method: 'get',
    path: '/v1/leases/{id}/scrape',
    summary: "Metrics of a lease in Prometheus' text format, for whoever has a token of its tenant's",
    request: { params, headers: z.object({ authorization: z.string().max(1024).optional() }) },
    responses: {
      200: { content: { 'text/plain': { schema: z.string() } }, description: 'Metrics.' },
      401: problem,
    },
  },
  async (context, worker) => {
    const { id } = context.req.valid('param')
    const lease = worker.store.lease(id)
    const now = Math.floor(Date.now() / 1000)
    const { authorization } = context.req.valid('header')
    // Whether there is such a lease is not told to strangers.
    if (!holds(lease?.scrapeTokens ?? [], authorization, now) || lease?.state !== 'open')
      throw new CloisterError('unauthorized', 'The token is none of this lease, or holds no more.', {
        hint: { do: 'make-scrape-token', subject: id },
      })
    const { contentType, text } = await exposeLease({
      usage: await metricsReport(worker, lease),
      containers: worker.supervisor.runner(id)?.report() ?? [],
      collectors: worker.collecting.report(id),
    })
    return context.body(text, 200, { 'content-type': contentType, 'cache-control': 'no-store' }) as never
  },
)
