import { on } from 'node:events'
import type { Network } from '@cloister/chain'
import {
  address,
  bytes32,
  ChainEventRecord,
  ChangeRecord,
  CloisterError,
  IndexStatus,
  isLeaseName,
  LeaseRecord,
  messageOf,
  PAYMENT_KINDS,
  PaymentRecord,
  ProviderRecord,
  pageOf,
  TotalsRecord,
  toProblem,
  WorkerRecord,
} from '@cloister/core'
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { count, desc, eq } from 'drizzle-orm'
import type { Context } from 'hono'
import { cors } from 'hono/cors'
import { streamSSE } from 'hono/streaming'
import { addGovernanceRoute } from '../chapters/governance/routes.ts'
import {
  findEvents,
  findLeases,
  findPayments,
  findProviders,
  findWorkers,
  readTotals,
} from '../chapters/leases/queries.ts'
import { addStakeRoutes } from '../chapters/stake/routes.ts'
import type { Database } from '../database/open.ts'
import { checkpoint, event, progress } from '../database/schema.ts'
import { storableText } from '../database/storable.ts'
import type { Follower } from '../engine/follow.ts'
import { flag, given, json, paging, placeOf, problem, toJson } from './route.ts'

const MAX_STREAMS = 1_000
/** A lease's id, the first 16 hex digits of it, or its name. */
const leaseKey = z
  .string()
  .refine(
    (text) => /^(0x[0-9a-f]{64}|[0-9a-f]{16})$/.test(text) || isLeaseName(text),
    'not a lease id, short id or name',
  )

const routes = {
  status: createRoute({
    method: 'get',
    path: '/v1/status',
    summary: 'How far the index is',
    responses: { 200: json(IndexStatus, 'Where it is.') },
  }),
  totals: createRoute({
    method: 'get',
    path: '/v1/totals',
    summary: 'The network in numbers',
    responses: { 200: json(TotalsRecord, 'Totals.') },
  }),
  leases: createRoute({
    method: 'get',
    path: '/v1/leases',
    summary: 'Leases, newest first',
    request: {
      query: z.object({
        tenant: address.optional(),
        worker: address.optional(),
        provider: address.optional(),
        token: address.optional(),
        name: z.string().refine(isLeaseName).optional(),
        wishedName: z.string().refine(isLeaseName).optional(),
        open: flag,
        ...paging,
      }),
    },
    responses: { 200: json(pageOf(LeaseRecord), 'A page.'), 400: problem },
  }),
  lease: createRoute({
    method: 'get',
    path: '/v1/leases/{key}',
    summary: 'One lease by id, short id or name',
    request: { params: z.object({ key: leaseKey }) },
    responses: { 200: json(LeaseRecord, 'The lease.'), 404: problem },
  }),
  workers: createRoute({
    method: 'get',
    path: '/v1/workers',
    summary: 'Workers with their record',
    request: {
      query: z.object({
        provider: address.optional(),
        gpuClass: z
          .string()
          .max(32)
          .refine((text) => storableText(text) === text, 'not text that a class could have')
          .optional(),
        covered: flag,
      }),
    },
    responses: { 200: json(z.object({ items: z.array(WorkerRecord) }), 'All of them.'), 400: problem },
  }),
  worker: createRoute({
    method: 'get',
    path: '/v1/workers/{address}',
    summary: 'One worker',
    request: { params: z.object({ address }) },
    responses: { 200: json(WorkerRecord, 'The worker.'), 404: problem },
  }),
  providers: createRoute({
    method: 'get',
    path: '/v1/providers',
    summary: 'Providers with their record',
    responses: { 200: json(z.object({ items: z.array(ProviderRecord) }), 'All of them.') },
  }),
  provider: createRoute({
    method: 'get',
    path: '/v1/providers/{address}',
    summary: 'One provider',
    request: { params: z.object({ address }) },
    responses: { 200: json(ProviderRecord, 'The provider.'), 404: problem },
  }),
  payments: createRoute({
    method: 'get',
    path: '/v1/payments',
    summary: 'Money that moved, newest first',
    request: {
      query: z.object({
        lease: bytes32.optional(),
        account: address.optional(),
        token: address.optional(),
        kind: z.enum(PAYMENT_KINDS).optional(),
        ...paging,
      }),
    },
    responses: { 200: json(pageOf(PaymentRecord), 'A page.'), 400: problem },
  }),
  events: createRoute({
    method: 'get',
    path: '/v1/events',
    summary: 'Events of the contracts, newest first',
    request: {
      query: z.object({
        lease: bytes32.optional(),
        worker: address.optional(),
        name: z
          .string()
          .regex(/^[A-Za-z]{1,64}$/)
          .optional(),
        ...paging,
      }),
    },
    responses: { 200: json(pageOf(ChainEventRecord), 'A page.'), 400: problem },
  }),
  stream: createRoute({
    method: 'get',
    path: '/v1/stream',
    summary: 'Changes as they happen, as server-sent events',
    responses: {
      200: {
        content: { 'text/event-stream': { schema: ChangeRecord } },
        description: 'Which leases and workers each block changed.',
      },
      503: problem,
    },
  }),
}

/** The indexer's query interface, as OpenAPI describes it at `/openapi.json`. Read-only and public. */
export function indexApi(parts: {
  database: Database
  follower: Follower
  network: Network
  warn: (message: string) => void
}): OpenAPIHono {
  const { database, follower, network } = parts
  const app = new OpenAPIHono({
    defaultHook: (result, context) => {
      if (result.success) return
      const issue = result.error.issues[0]
      return answer(
        context,
        new CloisterError(
          'bad-request',
          `The request is wrong at ${issue?.path.join('.')}: ${issue?.message}.`,
        ),
      )
    },
  })
  app.doc31('/openapi.json', { openapi: '3.1.0', info: { title: 'Cloister index', version: '1' } })
  app.use('*', cors())
  app.onError((error, context) => {
    if (!(error instanceof CloisterError)) parts.warn(`a query failed: ${messageOf(error)}`)
    return answer(context, error)
  })
  app.notFound((context) =>
    answer(context, new CloisterError('not-found', 'There is nothing here.', { hint: 'See /openapi.json.' })),
  )
  // A development chain's clock may have been moved ahead.
  const now = () => Math.max(Math.floor(Date.now() / 1000), follower.time)
  const view = () => ({ now: now(), simulated: network.attestation.root !== undefined })

  app.get('/health', (context) => context.text('ok\n'))
  app.openapi(routes.status, async (context) => {
    const [[last], [events], [reorganised]] = await Promise.all([
      database.select().from(checkpoint).orderBy(desc(checkpoint.block)).limit(1),
      database.select({ all: count() }).from(event),
      database.select().from(progress).where(eq(progress.key, 'reorganisations')),
    ])
    const block = last?.block ?? 0
    return context.json(
      {
        chainId: network.chainId,
        market: network.contracts.market,
        block,
        ...(last && { blockHash: last.hash as `0x${string}` }),
        head: Math.max(follower.head, block),
        synced: last !== undefined && block >= follower.head,
        events: events?.all ?? 0,
        reorganisations: Number(reorganised?.value ?? 0),
      },
      200,
    )
  })
  app.openapi(routes.totals, async (context) =>
    context.json(await readTotals(database, now(), network.emissionStart), 200),
  )
  app.openapi(routes.leases, async (context) => {
    const { limit, cursor, open, ...filters } = context.req.valid('query')
    return context.json(
      toJson(
        await findLeases(
          database,
          { ...given(filters), ...(open !== undefined && { open }) },
          limit,
          placeOf(cursor),
        ),
      ),
      200,
    )
  })
  app.openapi(routes.lease, async (context) => {
    const { key } = context.req.valid('param')
    const filters = key.startsWith('0x')
      ? { lease: key }
      : /^[0-9a-f]{16}$/.test(key)
        ? { short: key }
        : { name: key }
    const [lease] = (await findLeases(database, filters, 1)).items
    if (!lease)
      throw new CloisterError(
        'not-found',
        `There is no ${filters.name === undefined ? '' : 'open '}lease ${key}.`,
      )
    return context.json(lease, 200)
  })
  app.openapi(routes.workers, async (context) => {
    const { covered, ...filters } = context.req.valid('query')
    return context.json(
      {
        items: await findWorkers(
          database,
          { ...given(filters), ...(covered !== undefined && { covered }) },
          view(),
        ),
      },
      200,
    )
  })
  app.openapi(routes.worker, async (context) => {
    const [found] = await findWorkers(database, { worker: context.req.valid('param').address }, view())
    if (!found) throw new CloisterError('not-found', 'There is no such worker.')
    return context.json(found, 200)
  })
  app.openapi(routes.providers, async (context) =>
    context.json({ items: await findProviders(database, {}, view()) }, 200),
  )
  app.openapi(routes.provider, async (context) => {
    const [found] = await findProviders(database, { provider: context.req.valid('param').address }, view())
    if (!found) throw new CloisterError('not-found', 'There is no such provider.')
    return context.json(found, 200)
  })
  app.openapi(routes.payments, async (context) => {
    const { limit, cursor, ...filters } = context.req.valid('query')
    return context.json(toJson(await findPayments(database, given(filters), limit, placeOf(cursor))), 200)
  })
  app.openapi(routes.events, async (context) => {
    const { limit, cursor, ...filters } = context.req.valid('query')
    return context.json(toJson(await findEvents(database, given(filters), limit, placeOf(cursor))), 200)
  })
  addGovernanceRoute(app, { database, now, network })
  addStakeRoutes(app, { database, now, start: network.emissionStart })
  let streams = 0
  app.openapi(routes.stream, (context) => {
    if (streams >= MAX_STREAMS)
      throw new CloisterError('too-busy', 'There are too many readers of the stream.')
    streams++
    const response = streamSSE(context, async (stream) => {
      const aborter = new AbortController()
      stream.onAbort(() => aborter.abort())
      const alive = setInterval(() => void stream.write(': still here\n\n'), 15_000)
      try {
        await stream.write(': open\n\n')
        for await (const [change] of on(follower.changes, 'change', {
          signal: aborter.signal,
        }) as AsyncIterable<[ChangeRecord]>)
          await stream.writeSSE({ id: String(change.block), data: JSON.stringify(change) })
      } catch (error) {
        if (!aborter.signal.aborted) throw error
      } finally {
        clearInterval(alive)
        streams--
      }
    })
    // A stream has no typed response in Hono's OpenAPI routes.
    return response as never
  })
  return app
}

function answer(context: Context, error: unknown): never {
  const body = toProblem(error)
  // Problems are declared per route; this is every route's.
  return context.body(JSON.stringify(body), body.status as 400, {
    'content-type': 'application/problem+json',
  }) as never
}
