import { EventReport } from '@cloister/core'
import { z } from '@hono/zod-openapi'
import type { Hex } from 'viem'
import type { LeaseEvent } from '../../store.ts'
import { flag, params, problem, requireTenant, route, security } from '../route.ts'
import { sse } from '../sse.ts'
import type { Worker } from '../worker.ts'

export const eventsRoute = route(
  {
    method: 'get',
    path: '/v1/leases/{id}/events',
    summary: 'What happened to a lease, as server-sent events',
    security,
    request: { params, query: z.object({ after: z.coerce.number().int().min(0).default(0), follow: flag }) },
    responses: {
      200: {
        content: { 'text/event-stream': { schema: EventReport } },
        description: 'Events, oldest first.',
      },
      401: problem,
    },
  },
  async (context, worker) => {
    const { id } = await requireTenant(context, worker, context.req.valid('param').id)
    const { after, follow } = context.req.valid('query')
    return sse(
      context,
      (signal) => readEvents(worker, id, after, follow, signal),
      (event) => event.id,
    )
  },
)

/**
 * Events of a lease, read from the store as the reader takes them: however slow it is, no event waits for it
 * in memory.
 */
async function* readEvents(
  worker: Worker,
  id: Hex,
  after: number,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<LeaseEvent> {
  // Listening begins before reading, so that nothing falls between. Of a lease that has ended nothing more
  // comes.
  const isFollowed = follow && worker.store.lease(id)?.state === 'open'
  let isFresh = false
  let wake = () => {}
  const heard = (event: LeaseEvent) => {
    if (event.lease !== id) return
    isFresh = true
    wake()
  }
  if (isFollowed) worker.supervisor.events.on('event', heard)
  signal.addEventListener('abort', () => wake(), { once: true })
  try {
    for (let last = after; ; ) {
      isFresh = false
      for (const event of worker.store.events(id, last)) {
        yield event
        last = event.id
        if (isFollowed && event.kind === 'closed') return
      }
      if (!isFollowed || signal.aborted) return
      await new Promise<void>((resolve) => {
        wake = resolve
        if (isFresh || signal.aborted) resolve()
      })
    }
  } finally {
    worker.supervisor.events.off('event', heard)
  }
}
