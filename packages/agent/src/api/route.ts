import { bytes32, CloisterError, Problem } from '@cloister/core'
import type { HttpBindings } from '@hono/node-server'
import { createRoute, type OpenAPIHono, type RouteConfig, type RouteHandler, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Hex } from 'viem'
import type { StoredLease } from '../store.ts'
import { authorize } from './authorize.ts'
import type { Worker } from './worker.ts'

/** A route of the worker's interface: it adds itself. */
export interface Route {
  add: (app: OpenAPIHono, worker: Worker) => void
}

/** What a route answers where it can't. */
export const problem = {
  content: { 'application/problem+json': { schema: Problem } },
  description: 'What was wrong and what would be right (RFC 9457).',
}
/** What is to be signed by the lease's tenant. */
export const security = [{ tenant: [] }]
/** A lease in the path. */
export const params = z.object({ id: bytes32 })
export const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true')

/** A body in JSON, asked or answered. */
export const json = <T extends z.ZodType>(schema: T, description: string) => ({
  content: { 'application/json': { schema } },
  description,
})
export const body = <T extends z.ZodType>(schema: T) => ({
  content: { 'application/json': { schema } },
  required: true,
})
/** What is answered once something was written down, and is being done. */
export const accepted = (description: string) => json(z.object({ lease: bytes32 }), description)

/** A route as OpenAPI describes it. What it is asked is checked before `handle` is called. */
export function route<R extends RouteConfig>(
  config: R,
  handle: (context: Parameters<RouteHandler<R>>[0], worker: Worker) => ReturnType<RouteHandler<R>>,
): Route {
  const shape = createRoute(config)
  return {
    add: (app, worker) => {
      // Hono reckons the path's parameters from its literal, which a generic route doesn't have.
      app.openapi(shape, ((context: Parameters<RouteHandler<R>>[0]) => handle(context, worker)) as never)
    },
  }
}

/**
 * The lease, if the request is its tenant's. Throws `not-found`, and what is thrown for a request that isn't
 * signed as it should be.
 */
export async function requireTenant(context: Context, worker: Worker, id: Hex): Promise<StoredLease> {
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
