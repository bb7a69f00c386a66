import { CloisterError, MAX_MANIFEST_BYTES, messageOf, problemResponse } from '@cloister/core'
import { OpenAPIHono } from '@hono/zod-openapi'
import { bodyLimit } from 'hono/body-limit'
import { ROUTES } from './routes/index.ts'
import { sendRoute } from './routes/sent.ts'
import { volumeStreams } from './routes/volumes.ts'
import type { Worker } from './worker.ts'

/**
 * The worker's HTTP interface, as OpenAPI describes it at `/openapi.json`. Exec runs over a WebSocket beside
 * it.
 */
export function workerApi(worker: Worker): OpenAPIHono {
  const app = new OpenAPIHono({
    defaultHook: (result) => {
      if (result.success) return
      const issue = result.error.issues[0]
      return answer(
        new CloisterError(
          'bad-request',
          `The request is wrong at ${issue?.path.join('.') || 'its body'}: ${issue?.message}.`,
        ),
      )
    },
  })
  app.openAPIRegistry.registerComponent('securitySchemes', 'tenant', {
    type: 'http',
    scheme: 'Cloister',
    description:
      'EIP-712 `Request(tenant, worker, method, path, bodyHash, issuedAt, nonce)`, base64url JSON; one use, one minute.',
  })
  app.doc31('/openapi.json', { openapi: '3.1.0', info: { title: 'Cloister worker', version: '1' } })
  app.onError((error, context) => {
    if (!(error instanceof CloisterError))
      worker.log('error', 'a request failed', { path: context.req.path, error: messageOf(error) })
    return answer(error)
  })
  app.notFound(() =>
    answer(new CloisterError('not-found', 'There is nothing here.', { hint: 'See /openapi.json.' })),
  )
  sendRoute.add(app, worker)
  volumeStreams.add(app, worker)
  app.use(
    '*',
    bodyLimit({
      maxSize: MAX_MANIFEST_BYTES + 1024,
      onError: () =>
        answer(new CloisterError('too-large', `A body has at most ${MAX_MANIFEST_BYTES} bytes.`)),
    }),
  )

  // Signatures are over the bytes that came, so those are read before anything parses them.
  app.use('/v1/leases/*', async (context, next) => {
    await context.req.arrayBuffer()
    await next()
  })

  app.get('/health', (context) => context.text('ok\n'))
  app.get('/ready', async (context) => {
    const report = await worker.readiness.report()
    return context.json(report, report.ready ? 200 : 503, { 'cache-control': 'no-store' })
  })
  for (const route of ROUTES) route.add(app, worker)
  return app
}

function answer(error: unknown): never {
  // Problems are declared per route; this is every route's.
  return problemResponse(error) as never
}
