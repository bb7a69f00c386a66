import { BidReport, bidToJson, Order } from '@cloister/core'
import { body, json, problem, route } from '../route.ts'

export const bidRoute = route(
  {
    method: 'post',
    path: '/v1/bids',
    summary: 'Answer an order with a signed bid',
    request: { body: body(Order) },
    responses: { 200: json(BidReport, 'A bid this worker is held to until it expires.'), 409: problem },
  },
  async (context, worker) => context.json(bidToJson(await worker.bidder.bid(context.req.valid('json'))), 200),
)
