import {
  bytes32,
  DIGEST_PATTERN,
  OFFSET_HEADER,
  PartReport,
  SendReport,
  SendRequest,
  TICKET_HEADER,
} from '@cloister/core'
import { inBlocks } from '@cloister/transport'
import type { HttpBindings } from '@hono/node-server'
import { z } from '@hono/zod-openapi'
import { body, json, params, problem, requireTenant, route, security } from '../route.ts'

export const announceRoute = route(
  {
    method: 'post',
    path: '/v1/leases/{id}/sent',
    summary: 'Say what the next manifest takes beside it, and hear what of that is lacking',
    security,
    request: { params, body: body(SendRequest) },
    responses: {
      200: json(SendReport, 'What is lacking, and a ticket for sending it.'),
      401: problem,
      403: problem,
      404: problem,
      413: problem,
      503: problem,
    },
  },
  async (context, worker) => {
    const { id } = context.req.valid('param')
    await requireTenant(context, worker, id)
    return context.json(await worker.supervisor.announce(id, context.req.valid('json').blobs), 200)
  },
)

/** Its body is read as it comes, so it is added before what reads bodies whole. */
export const sendRoute = route(
  {
    method: 'put',
    path: '/v1/leases/{id}/sent/{digest}',
    summary: 'Send a part of what is lacking',
    request: {
      params: params.extend({ digest: z.string().regex(DIGEST_PATTERN) }),
      headers: z.object({
        [TICKET_HEADER]: bytes32,
        [OFFSET_HEADER]: z
          .string()
          .regex(/^\d{1,15}$/)
          .transform(Number),
      }),
      body: { content: { 'application/octet-stream': { schema: z.any() } }, required: true },
    },
    responses: {
      200: json(PartReport, 'What has come of it.'),
      400: problem,
      401: problem,
      409: problem,
      413: problem,
      503: problem,
    },
  },
  async (context, worker) => {
    const { id, digest } = context.req.valid('param')
    const headers = context.req.valid('header')
    const place = { lease: id, digest, ticket: headers[TICKET_HEADER], offset: headers[OFFSET_HEADER] }
    const bytes = inBlocks((context.env as HttpBindings).incoming)
    return context.json(await worker.sent.receive(place, bytes), 200)
  },
)
