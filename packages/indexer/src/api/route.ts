import type { Network } from '@cloister/chain'
import { Problem } from '@cloister/core'
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Database } from '../database/open.ts'
import type { Follower } from '../engine/follow.ts'
import type { Plan } from '../engine/plan.ts'

/** What routes answer from. */
export interface Parts {
  database: Database
  network: Network
  plan: Plan
  follower: Pick<Follower, 'changes' | 'head'>
  /** Is told how long a query took, in seconds, by its route's path as OpenAPI has it. */
  answered?: (path: string, seconds: number) => void
  /** Unix seconds. A development chain's clock may have been moved ahead of this machine's. */
  now: () => number
}

/** A route of the index: it adds itself to the interface. */
export interface Route {
  add: (app: OpenAPIHono, parts: Parts) => void
}

/** What a route answers where it can't. */
export const problem = {
  content: { 'application/problem+json': { schema: Problem } },
  description: 'What was wrong and what would be right (RFC 9457).',
}

/** What a route is asked and what it answers, as OpenAPI describes it. */
export interface RouteShape<P extends z.ZodRawShape, Q extends z.ZodRawShape, A extends z.ZodType> {
  path: string
  summary: string
  /** In the path. */
  params?: P
  query?: Q
  answer: A
  /** Describes the answer. */
  description: string
  /** Statuses of the problems that it answers. */
  problems?: readonly (400 | 404)[]
}

/** A route that answers a GET with JSON. What it is asked is checked before `handle` is called. */
export function route<
  A extends z.ZodType,
  P extends z.ZodRawShape = Record<never, never>,
  Q extends z.ZodRawShape = Record<never, never>,
>(
  { path, summary, params, query, answer, description, problems = [] }: RouteShape<P, Q, A>,
  handle: (
    asked: { params: z.output<z.ZodObject<P>>; query: z.output<z.ZodObject<Q>> },
    parts: Parts,
  ) => Promise<z.input<A>>,
): Route {
  const config = createRoute({
    method: 'get',
    path,
    summary,
    ...((params || query) && {
      request: { ...(params && { params: z.object(params) }), ...(query && { query: z.object(query) }) },
    }),
    responses: {
      200: { content: { 'application/json': { schema: answer } }, description },
      ...Object.fromEntries(problems.map((status) => [status, problem])),
    },
  })
  return {
    add: (app, parts) => {
      app.openapi(config, (async (context: Context) => {
        // Hono has checked both against the shapes above.
        const valid = (of: string) => (context.req.valid as (of: string) => unknown)(of)
        const asked = { params: params && valid('param'), query: query && valid('query') }
        const began = performance.now()
        try {
          return context.json((await handle(asked as Parameters<typeof handle>[0], parts)) as object, 200)
        } finally {
          parts.answered?.(path, (performance.now() - began) / 1000)
        }
        // Its types don't follow shapes that are parameters themselves.
      }) as never)
    },
  }
}

/** A list that is answered whole. */
export const listOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item) })

/** `true` or `false` in a query. */
export const flag = z
  .enum(['true', 'false'])
  .transform((text) => text === 'true')
  .optional()
