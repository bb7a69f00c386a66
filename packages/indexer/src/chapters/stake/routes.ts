import {
  address,
  CloisterError,
  DelegationRecord,
  EpochRecord,
  ExitRecord,
  PoolRecord,
  pageOf,
  RewardRecord,
  SlashRecord,
} from '@cloister/core'
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { cursorOf, given, json, paging, placeOf, problem, toJson } from '../../api/route.ts'
import type { Database } from '../../database/open.ts'
import {
  DelegationPlace,
  ExitPlace,
  findDelegations,
  findEpochs,
  findExits,
  findPools,
  findRewards,
  findSlashes,
} from './queries.ts'

const list = <T extends z.ZodType>(item: T) => json(z.object({ items: z.array(item) }), 'All of them.')
const holders = z.object({ provider: address.optional(), account: address.optional(), ...paging })

/** With thousands of pools an epoch is long. */
const MAX_EPOCHS_OF_ALL = 100

const routes = {
  pools: createRoute({
    method: 'get',
    path: '/v1/pools',
    summary: 'Stake pools, those with most stake first',
    responses: { 200: list(PoolRecord) },
  }),
  pool: createRoute({
    method: 'get',
    path: '/v1/pools/{provider}',
    summary: 'One provider’s stake pool',
    request: { params: z.object({ provider: address }) },
    responses: { 200: json(PoolRecord, 'The pool.'), 404: problem },
  }),
  delegations: createRoute({
    method: 'get',
    path: '/v1/delegations',
    summary: 'Who holds what in which pool, those with most first',
    request: { query: holders },
    responses: { 200: json(pageOf(DelegationRecord), 'A page.'), 400: problem },
  }),
  exits: createRoute({
    method: 'get',
    path: '/v1/exits',
    summary: 'Stake that is leaving or has left, what is ready first first',
    request: { query: holders.extend({ state: ExitRecord.shape.state.optional() }) },
    responses: { 200: json(pageOf(ExitRecord), 'A page.'), 400: problem },
  }),
  epochs: createRoute({
    method: 'get',
    path: '/v1/epochs',
    summary: `Hours of emission: what each pool’s GPUs weighed and earned, or one provider’s, newest first; of all pools at most ${MAX_EPOCHS_OF_ALL}`,
    request: {
      query: z.object({
        provider: address.optional(),
        before: z.coerce.number().int().min(0).optional(),
        limit: z.coerce.number().int().min(1).max(720).default(24),
      }),
    },
    responses: { 200: list(EpochRecord), 400: problem },
  }),
  rewards: createRoute({
    method: 'get',
    path: '/v1/rewards',
    summary: 'Rewards that were paid out, newest first',
    request: { query: holders },
    responses: { 200: json(pageOf(RewardRecord), 'A page.'), 400: problem },
  }),
  slashes: createRoute({
    method: 'get',
    path: '/v1/slashes',
    summary: 'Stake that was taken, newest first',
    request: { query: z.object({ provider: address.optional(), ...paging }) },
    responses: { 200: json(pageOf(SlashRecord), 'A page.'), 400: problem },
  }),
}

/** Adds what is asked about stake and emission. `start` is when emission began, Unix seconds. */
export function addStakeRoutes(
  app: OpenAPIHono,
  { database, now, start }: { database: Database; now: () => number; start: number },
): void {
  const clock = () => ({ now: now(), start })
  app.openapi(routes.pools, async (context) =>
    context.json({ items: await findPools(database, {}, clock()) }, 200),
  )
  app.openapi(routes.pool, async (context) => {
    const [found] = await findPools(database, context.req.valid('param'), clock())
    if (!found) throw new CloisterError('not-found', 'Nobody has staked for such a provider.')
    return context.json(found, 200)
  })
  app.openapi(routes.delegations, async (context) => {
    const { limit, cursor, ...filters } = context.req.valid('query')
    return context.json(
      toJson(await findDelegations(database, given(filters), limit, cursorOf(cursor, DelegationPlace))),
      200,
    )
  })
  app.openapi(routes.exits, async (context) => {
    const { limit, cursor, ...filters } = context.req.valid('query')
    return context.json(
      toJson(await findExits(database, given(filters), limit, cursorOf(cursor, ExitPlace))),
      200,
    )
  })
  app.openapi(routes.epochs, async (context) => {
    const { limit, ...filters } = context.req.valid('query')
    if (filters.provider === undefined && limit > MAX_EPOCHS_OF_ALL)
      throw new CloisterError(
        'bad-request',
        `Of all pools there are at most ${MAX_EPOCHS_OF_ALL} epochs at once.`,
        {
          hint: 'Name a provider, or page with `before`.',
        },
      )
    return context.json({ items: await findEpochs(database, { limit, ...given(filters) }, clock()) }, 200)
  })
  app.openapi(routes.rewards, async (context) => {
    const { limit, cursor, ...filters } = context.req.valid('query')
    return context.json(toJson(await findRewards(database, given(filters), limit, placeOf(cursor))), 200)
  })
  app.openapi(routes.slashes, async (context) => {
    const { limit, cursor, ...filters } = context.req.valid('query')
    return context.json(toJson(await findSlashes(database, given(filters), limit, placeOf(cursor))), 200)
  })
}
