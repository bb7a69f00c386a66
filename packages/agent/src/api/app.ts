import {
  BidReport,
  bidToJson,
  bytes32,
  CloisterError,
  EventReport,
  EvidenceReport,
  LeaseReport,
  LogReport,
  MAX_MANIFEST_BYTES,
  MetricsReport,
  messageOf,
  Order,
  Problem,
  problemResponse,
  RegistryLogins,
  RouteReport,
  readManifest,
  StatementReport,
  VerdictReport,
  VerdictRequest,
  WorkerReport,
} from '@cloister/core'
import { Envelope } from '@cloister/secrets'
import type { HttpBindings } from '@hono/node-server'
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Hex } from 'viem'
import type { LeaseEvent } from '../store.ts'
import { authorize } from './authorize.ts'
import { evidenceReport, statementReport } from './evidence.ts'
import { namesOf, readEnded, readLogs } from './logs.ts'
import { leaseReport, metricsReport, routesOf, workerReport } from './reports.ts'
import { streamOf, toServerSentEvents } from './streams.ts'
import type { Worker } from './worker.ts'

const MAX_LOG_LINES = 10_000
const problem = {
  content: { 'application/problem+json': { schema: Problem } },
  description: 'What was wrong and what would be right (RFC 9457).',
}
const json = <T extends z.ZodType>(schema: T, description: string) => ({
  content: { 'application/json': { schema } },
  description,
})
const security = [{ tenant: [] }]
const params = z.object({ id: bytes32 })
const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true')

const routes = {
  worker: createRoute({
    method: 'get',
    path: '/v1/worker',
    summary: 'Who this worker is, what it has and what it asks',
    responses: { 200: json(WorkerReport, 'The worker.') },
  }),
  evidence: createRoute({
    method: 'get',
    path: '/v1/evidence',
    summary:
      'A quote about this worker: the one last handed in on chain, or a fresh one over a number of yours',
    request: { query: z.object({ nonce: bytes32.optional() }) },
    responses: { 200: json(EvidenceReport, 'Evidence.'), 503: problem },
  }),
  statement: createRoute({
    method: 'get',
    path: '/v1/leases/{id}/statement',
    summary: 'What runs for a lease, signed by the worker; public',
    request: { params },
    responses: { 200: json(StatementReport, 'The statement.'), 404: problem },
  }),
  verdict: createRoute({
    method: 'post',
    path: '/v1/verdicts',
    summary:
      'Check evidence that no contract can, about a worker of another provider, and sign what was found',
    request: { body: { content: { 'application/json': { schema: VerdictRequest } }, required: true } },
    responses: {
      200: json(VerdictReport, 'A verdict that counts on chain with others.'),
      403: problem,
      404: problem,
      422: problem,
    },
  }),
  bid: createRoute({
    method: 'post',
    path: '/v1/bids',
    summary: 'Answer an order with a signed bid',
    request: { body: { content: { 'application/json': { schema: Order } }, required: true } },
    responses: { 200: json(BidReport, 'A bid this worker is held to until it expires.'), 409: problem },
  }),
  accept: createRoute({
    method: 'put',
    path: '/v1/leases/{id}/manifest',
    summary: 'Hand over the manifest whose hash is on the lease',
    security,
    request: { params, body: { content: { 'application/json': { schema: z.unknown() } }, required: true } },
    responses: {
      202: json(z.object({ lease: bytes32 }), 'Accepted and written down; it is being started.'),
      401: problem,
      403: problem,
      404: problem,
      409: problem,
      422: problem,
    },
  }),
  secrets: createRoute({
    method: 'put',
    path: '/v1/leases/{id}/secrets',
    summary: 'Hand over sealed secrets, before the manifest that takes them; or new ones for what runs',
    security,
    request: { params, body: { content: { 'application/json': { schema: Envelope } }, required: true } },
    responses: {
      202: json(z.object({ lease: bytes32 }), 'Written down.'),
      401: problem,
      403: problem,
      404: problem,
    },
  }),
  logins: createRoute({
    method: 'put',
    path: '/v1/leases/{id}/logins',
    summary: 'Hand over logins at registries, before the manifest whose images are there',
    security,
    request: {
      params,
      body: { content: { 'application/json': { schema: RegistryLogins } }, required: true },
    },
    responses: {
      202: json(z.object({ lease: bytes32 }), 'Written down.'),
      401: problem,
      403: problem,
      404: problem,
    },
  }),
  pull: createRoute({
    method: 'post',
    path: '/v1/leases/{id}/pull',
    summary: 'Look up anew what the tags of the running manifest are, and run that',
    security,
    request: { params },
    responses: {
      202: json(z.object({ lease: bytes32 }), 'Written down; it is being done.'),
      401: problem,
      403: problem,
      404: problem,
      409: problem,
    },
  }),
  lease: createRoute({
    method: 'get',
    path: '/v1/leases/{id}',
    summary: 'How a lease is doing',
    security,
    request: { params },
    responses: { 200: json(LeaseReport, 'The lease.'), 401: problem, 404: problem },
  }),
  routes: createRoute({
    method: 'get',
    path: '/v1/leases/{id}/routes',
    summary: 'What of a lease the outside reaches; public',
    request: { params },
    responses: { 200: json(z.array(RouteReport), 'Its routes.'), 404: problem },
  }),
  metrics: createRoute({
    method: 'get',
    path: '/v1/leases/{id}/metrics',
    summary: 'What a lease uses now',
    security,
    request: { params },
    responses: { 200: json(MetricsReport, 'Usage and limits.'), 401: problem },
  }),
  events: createRoute({
    method: 'get',
    path: '/v1/leases/{id}/events',
    summary: 'What happened to a lease, as server-sent events',
    security,
    request: { params, query: z.object({ after: z.coerce.number().int().min(0).default(0), follow: flag }) },
    responses: {
      200: {
        content: { 'text/event-stream': { schema: EventReport } },
        description: 'Events, oldest first.',
      },
      401: problem,
    },
  }),
  logs: createRoute({
    method: 'get',
    path: '/v1/leases/{id}/logs',
    summary: 'What the services print, as server-sent events',
    security,
    request: {
      params,
      query: z.object({
        service: z.string().max(64).optional(),
        tail: z.coerce.number().int().min(0).max(MAX_LOG_LINES).default(1000),
        follow: flag,
      }),
    },
    responses: {
      200: { content: { 'text/event-stream': { schema: LogReport } }, description: 'Lines.' },
      401: problem,
    },
  }),
}

/**
 * The worker's HTTP interface, as OpenAPI describes it at `/openapi.json`. Exec runs over a WebSocket beside
 * it.
 */
export function workerApi(worker: Worker): OpenAPIHono {
  const app = new OpenAPIHono({
    defaultHook: (result) => {
      if (result.success) return
      const issue = result.error.issues[0]
      return answer(
        new CloisterError(
          'bad-request',
          `The request is wrong at ${issue?.path.join('.') || 'its body'}: ${issue?.message}.`,
        ),
      )
    },
  })
  app.openAPIRegistry.registerComponent('securitySchemes', 'tenant', {
    type: 'http',
    scheme: 'Cloister',
    description:
      'EIP-712 `Request(tenant, worker, method, path, bodyHash, issuedAt, nonce)`, base64url JSON; one use, one minute.',
  })
  app.doc31('/openapi.json', { openapi: '3.1.0', info: { title: 'Cloister worker', version: '1' } })
  app.onError((error, context) => {
    if (!(error instanceof CloisterError))
      worker.log('error', 'a request failed', { path: context.req.path, error: messageOf(error) })
    return answer(error)
  })
  app.notFound(() =>
    answer(new CloisterError('not-found', 'There is nothing here.', { hint: 'See /openapi.json.' })),
  )
  app.use(
    '*',
    bodyLimit({
      maxSize: MAX_MANIFEST_BYTES + 1024,
      onError: () =>
        answer(new CloisterError('too-large', `A body has at most ${MAX_MANIFEST_BYTES} bytes.`)),
    }),
  )

  // Signatures are over the bytes that came, so those are read before anything parses them.
  app.use('/v1/leases/*', async (context, next) => {
    await context.req.arrayBuffer()
    await next()
  })

  /** The lease, if the request is its tenant's. */
  const demand = async (context: Context, id: Hex) => {
    if (!worker.store.lease(id)) await worker.supervisor.refresh(id)
    const lease = worker.store.lease(id)
    if (!lease) throw new CloisterError('not-found', `This worker has no lease ${id}.`)
    await authorize(
      {
        method: context.req.method,
        // As it came in: what leads to the same place by another path wasn't signed.
        path: (context.env as HttpBindings).incoming.url ?? '',
        authorization: context.req.header('authorization'),
        body: new Uint8Array(await context.req.arrayBuffer()),
      },
      lease.tenant,
      worker,
    )
    return lease
  }

  app.get('/health', (context) => context.text('ok\n'))
  app.get('/ready', async (context) => {
    const report = await worker.readiness.report()
    return context.json(report, report.ready ? 200 : 503, { 'cache-control': 'no-store' })
  })
  app.openapi(routes.worker, (context) => context.json(workerReport(worker), 200))
  app.openapi(routes.evidence, async (context) =>
    context.json(await evidenceReport(worker, context.req.valid('query').nonce), 200),
  )
  app.openapi(routes.statement, async (context) => {
    const lease = worker.store.lease(context.req.valid('param').id)
    if (lease?.state !== 'open' || !lease.running)
      throw new CloisterError('not-found', 'This worker runs no such lease.')
    return context.json(await statementReport(worker, lease.id, lease.running), 200)
  })
  app.openapi(routes.verdict, async (context) => {
    if (!worker.verifier)
      throw new CloisterError('not-found', 'This worker does not check evidence for others.')
    return context.json(await worker.verifier.judge(context.req.valid('json')), 200)
  })
  app.openapi(routes.bid, async (context) =>
    context.json(bidToJson(await worker.bidder.bid(context.req.valid('json'))), 200),
  )
  app.openapi(routes.accept, async (context) => {
    const { id } = context.req.valid('param')
    await demand(context, id)
    await worker.supervisor.accept(id, readManifest(await context.req.text()))
    return context.json({ lease: id }, 202)
  })
  app.openapi(routes.secrets, async (context) => {
    const { id } = context.req.valid('param')
    await demand(context, id)
    await worker.supervisor.acceptSecrets(id, context.req.valid('json'))
    return context.json({ lease: id }, 202)
  })
  app.openapi(routes.logins, async (context) => {
    const { id } = context.req.valid('param')
    await demand(context, id)
    await worker.supervisor.acceptLogins(id, context.req.valid('json').logins)
    return context.json({ lease: id }, 202)
  })
  app.openapi(routes.pull, async (context) => {
    const { id } = context.req.valid('param')
    await demand(context, id)
    await worker.supervisor.pullAgain(id)
    return context.json({ lease: id }, 202)
  })
  app.openapi(routes.lease, async (context) =>
    context.json(leaseReport(worker, await demand(context, context.req.valid('param').id)), 200),
  )
  app.openapi(routes.routes, async (context) => {
    const lease = worker.store.lease(context.req.valid('param').id)
    if (lease?.state !== 'open') throw new CloisterError('not-found', 'This worker has no such open lease.')
    return context.json(routesOf(worker, lease), 200)
  })
  app.openapi(routes.metrics, async (context) =>
    context.json(await metricsReport(worker, await demand(context, context.req.valid('param').id)), 200),
  )
  app.openapi(routes.events, async (context) => {
    const { id } = await demand(context, context.req.valid('param').id)
    const { after, follow } = context.req.valid('query')
    return sse(
      context,
      (signal) => readEvents(worker, id, after, follow, signal),
      (event) => event.id,
    )
  })
  app.openapi(routes.logs, async (context) => {
    const { id } = await demand(context, context.req.valid('param').id)
    const { service, tail, follow } = context.req.valid('query')
    const runner = worker.supervisor.runner(id)
    if (!runner) {
      const kept = worker.store.ended.of(id)
      if (!kept) throw new CloisterError('not-found', 'The lease has ended, and its logs are wiped.')
      return sse(context, () => readEnded(kept, service, tail))
    }
    if (service !== undefined && namesOf(runner, service).length === 0)
      throw new CloisterError('not-found', `The lease has no service ${service}.`, {
        hint: `It has: ${[...new Set(runner.report().map((report) => report.service))].join(', ') || 'none yet'}.`,
      })
    return sse(context, (signal) => readLogs(worker.executor, runner, { service, tail, follow, signal }))
  })
  return app
}

/**
 * Events of a lease, read from the store as the reader takes them: however slow it is, no event waits for it
 * in memory.
 */
async function* readEvents(
  worker: Worker,
  id: Hex,
  after: number,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<LeaseEvent> {
  // Listening begins before reading, so that nothing falls between. Of a lease that has ended nothing more
  // comes.
  const isFollowed = follow && worker.store.lease(id)?.state === 'open'
  let isFresh = false
  let wake = () => {}
  const heard = (event: LeaseEvent) => {
    if (event.lease !== id) return
    isFresh = true
    wake()
  }
  if (isFollowed) worker.supervisor.events.on('event', heard)
  signal.addEventListener('abort', () => wake(), { once: true })
  try {
    for (let last = after; ; ) {
      isFresh = false
      for (const event of worker.store.events(id, last)) {
        yield event
        last = event.id
        if (isFollowed && event.kind === 'closed') return
      }
      if (!isFollowed || signal.aborted) return
      await new Promise<void>((resolve) => {
        wake = resolve
        if (isFresh || signal.aborted) resolve()
      })
    }
  } finally {
    worker.supervisor.events.off('event', heard)
  }
}

function sse<T>(
  context: Context,
  source: (signal: AbortSignal) => AsyncIterable<T>,
  idOf?: (value: T) => number,
): never {
  const aborter = new AbortController()
  context.req.raw.signal.addEventListener('abort', () => aborter.abort())
  const body = streamOf(toServerSentEvents(source(aborter.signal), idOf), () => aborter.abort())
  // A stream has no typed response in Hono's OpenAPI routes.
  return new Response(body, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
  }) as never
}

function answer(error: unknown): never {
  // Problems are declared per route; this is every route's.
  return problemResponse(error) as never
}
