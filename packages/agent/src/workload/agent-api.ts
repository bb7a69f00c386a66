import { CloisterError, messageOf, problemResponse } from '@cloister/core'
import { MAX_BODY_BYTES } from '@cloister/workload/wire'
import { Hono, type MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Hex } from 'viem'
import type { AgentHandler } from './agent-sockets.ts'
import type { AgentApiParts } from './route.ts'
import { ROUTES } from './routes/index.ts'

/**
 * Requests of one manifest that are answered at once: each may have hardware make a quote, or another worker
 * asked.
 */
const MAX_AT_ONCE = 8

/**
 * What the agent answers on its socket in a container: who the container is, quotes over data of its own, a
 * key to seal with, receipts, reads of the chain, and the way to services of other leases.
 */
export function agentApi(parts: AgentApiParts): AgentHandler {
  return (lease: Hex, manifestHash: Hex) => {
    const app = new Hono()
    app.use(
      '*',
      bodyLimit({
        maxSize: MAX_BODY_BYTES,
        onError: () =>
          problemResponse(new CloisterError('too-large', `A body has at most ${MAX_BODY_BYTES} bytes.`)),
      }),
      atMost(MAX_AT_ONCE),
    )
    app.onError((error) => {
      if (!(error instanceof CloisterError))
        parts.log('error', 'a container’s request failed', { lease, error: messageOf(error) })
      return problemResponse(error)
    })
    app.notFound(() => problemResponse(new CloisterError('not-found', 'There is nothing here.')))
    for (const route of ROUTES) route.add(app, parts, { lease, manifestHash })
    return (request) => app.fetch(request)
  }
}

/** Answers `too-busy` to what comes while so many are answered. */
function atMost(most: number): MiddlewareHandler {
  let busy = 0
  return async (_, next) => {
    if (busy >= most)
      return problemResponse(
        new CloisterError('too-busy', 'The agent answers as many requests as it can; ask again in a moment.'),
      )
    busy++
    try {
      return await next()
    } finally {
      busy--
    }
  }
}
