import { CloisterError, NetworkReport, SignedMember } from '@cloister/core'
import { body, json, params, problem, requireTenant, route, security } from '../route.ts'
import type { Worker } from '../worker.ts'

export const networkRoute = route(
  {
    method: 'get',
    path: '/v1/leases/{id}/network',
    summary: 'The private network that a lease is on: who else is, and how they are reached',
    security,
    request: { params },
    responses: { 200: json(NetworkReport, 'The network.'), 401: problem, 403: problem, 404: problem },
  },
  async (context, worker) => {
    const { id } = context.req.valid('param')
    await requireTenant(context, worker, id)
    return context.json(await networksOf(worker).report(id), 200)
  },
)

export const meetRoute = route(
  {
    method: 'post',
    path: '/v1/leases/{id}/network/members',
    summary:
      'For workers: a lease there is on the private network of the lease here; answers with the same of it',
    request: { params, body: body(SignedMember) },
    responses: { 200: json(SignedMember, 'The lease here.'), 403: problem, 404: problem, 409: problem },
  },
  async (context, worker) =>
    context.json(
      await networksOf(worker).hear(context.req.valid('param').id, context.req.valid('json')),
      200,
    ),
)

function networksOf({ networks }: Worker) {
  if (networks) return networks
  throw new CloisterError('not-found', 'This worker has no private networks.')
}
