import { createServer } from 'node:http'
import { bytes32, CloisterError, checkRequest, problemResponse } from '@cloister/core'
import { type Served, serve } from '@cloister/transport'
import { getRequestListener } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type * as z from 'zod'
import { ExchangeRequest, ReleaseRequest } from '../protocol.ts'
import type { Instance } from './instance.ts'

/** Bytes of a request: a quote, its event log and endorsements. */
const MAX_BODY_BYTES = 2 * 1024 * 1024

/** Serves an instance over plain HTTP inside its lease: the worker's attested TLS ends right before it. */
export function serveInstance(instance: Instance, port: number): Promise<Served> {
  const app = new Hono()
  app.use(
    '*',
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: () =>
        problemResponse(new CloisterError('too-large', `A body has at most ${MAX_BODY_BYTES} bytes.`)),
    }),
  )
  app.onError((error) => problemResponse(error))
  app.notFound(() => problemResponse(new CloisterError('not-found', 'There is nothing here.')))
  app.get('/v1/state', (context) => context.json(instance.state))
  app.get('/v1/consent', async (context) => context.json(await instance.consent()))
  app.get('/v1/challenge', (context) => context.json({ challenge: instance.challenges.next() }))
  app.get('/v1/apps/:app/keys', async (context) =>
    context.json(await instance.publicKeys(checkRequest(bytes32, context.req.param('app')))),
  )
  app.post('/v1/release', async (context) =>
    context.json(await instance.release(await bodyOf(context, ReleaseRequest))),
  )
  app.post('/v1/exchange', async (context) =>
    context.json(await instance.exchange(await bodyOf(context, ExchangeRequest))),
  )
  const server = createServer(getRequestListener(app.fetch))
  server.requestTimeout = 30_000
  return serve('The key service', server, { port })
}

async function bodyOf<T extends z.ZodType>(context: Context, schema: T): Promise<z.infer<T>> {
  const json: unknown = await context.req.json().catch((cause) => {
    throw new CloisterError('bad-request', 'The body is not JSON.', { cause })
  })
  return checkRequest(schema, json)
}
