import { CloisterError, messageOf, toProblem } from '@cloister/core'
import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { cors } from 'hono/cors'
import type { Parts, Route } from './route.ts'
import { status } from './status.ts'

/** The index's query interface, as OpenAPI describes it at `/openapi.json`. Read-only and public. */
export function indexApi(
  routes: readonly Route[],
  parts: Parts,
  warn: (message: string) => void,
): OpenAPIHono {
  const app = new OpenAPIHono({
    defaultHook: (result, context) => {
      if (result.success) return
      const issue = result.error.issues[0]
      return answer(
        context,
        new CloisterError(
          'bad-request',
          `The request is wrong at ${issue?.path.join('.')}: ${issue?.message}.`,
        ),
      )
    },
  })
  app.doc31('/openapi.json', { openapi: '3.1.0', info: { title: 'Cloister index', version: '1' } })
  app.use('*', cors())
  app.onError((error, context) => {
    if (!(error instanceof CloisterError)) warn(`a query failed: ${messageOf(error)}`)
    return answer(context, error)
  })
  app.notFound((context) =>
    answer(context, new CloisterError('not-found', 'There is nothing here.', { hint: 'See /openapi.json.' })),
  )
  app.get('/health', (context) => context.text('ok\n'))
  for (const route of [status, ...routes]) route.add(app, parts)
  return app
}

function answer(context: Context, error: unknown): never {
  const body = toProblem(error)
  // Problems are declared per route; this is every route's.
  return context.body(JSON.stringify(body), body.status as 400, {
    'content-type': 'application/problem+json',
  }) as never
}
