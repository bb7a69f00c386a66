import { Order, ResizeBidReport, resizeBidToJson } from '@cloister/core'
import { bidToResize } from '../../bidding/resize.ts'
import { body, json, params, problem, requireTenant, route, security } from '../route.ts'

export const resizeRoute = route(
  {
    method: 'post',
    path: '/v1/leases/{id}/bids',
    summary: 'Answer an order with a signed bid for changing the lease into that',
    security,
    request: { params, body: body(Order) },
    responses: {
      200: json(ResizeBidReport, 'A bid this worker is held to until it expires, or the lease is resized.'),
      401: problem,
      404: problem,
      409: problem,
    },
  },
  async (context, worker) => {
    const lease = await requireTenant(context, worker, context.req.valid('param').id)
    return context.json(resizeBidToJson(await bidToResize(worker, lease, context.req.valid('json'))), 200)
  },
)
