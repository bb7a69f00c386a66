import type { z } from '@hono/zod-openapi'
import type { Hex } from 'viem'
import type { LeaseSupervisor } from '../leases/supervisor.ts'
import { accepted, body, params, problem, type Route, requireTenant, route, security } from './route.ts'

/** A route by which a lease's tenant hands over what the manifest takes. `accept` writes it down. */
export function handOver<T extends z.ZodType>(
  path: `/v1/leases/{id}/${string}`,
  summary: string,
  handed: T,
  accept: (supervisor: LeaseSupervisor, lease: Hex, handed: z.infer<T>) => Promise<void>,
): Route {
  return route(
    {
      method: 'put',
      path,
      summary,
      security,
      request: { params, body: body(handed) },
      responses: { 202: accepted('Written down.'), 401: problem, 403: problem, 404: problem },
    },
    async (context, worker) => {
      // Both were checked by `params` and `handed`; the type of a generic route doesn't say so.
      const { id } = context.req.valid('param' as never) as z.infer<typeof params>
      await requireTenant(context, worker, id)
      await accept(worker.supervisor, id, context.req.valid('json' as never) as z.infer<T>)
      return context.json({ lease: id }, 202)
    },
  )
}
