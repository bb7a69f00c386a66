import { on } from 'node:events'
import { ChangeRecord, CloisterError } from '@cloister/core'
import { createRoute } from '@hono/zod-openapi'
import { streamSSE } from 'hono/streaming'
import type { Address, Hex } from 'viem'
import { problem, type Route } from '../../../api/route.ts'
import type { Change } from '../../../engine/follow.ts'

const MAX_STREAMS = 1_000

const config = createRoute({
  method: 'get',
  path: '/v1/stream',
  summary: 'Changes as they happen, as server-sent events',
  responses: {
    200: {
      content: { 'text/event-stream': { schema: ChangeRecord } },
      description: 'Which leases and workers each block changed.',
    },
    503: problem,
  },
})

export const stream: Route = {
  add: (app, { follower }) => {
    let streams = 0
    app.openapi(config, (context) => {
      if (streams >= MAX_STREAMS)
        throw new CloisterError('too-busy', 'There are too many readers of the stream.')
      streams++
      const response = streamSSE(context, async (out) => {
        const aborter = new AbortController()
        out.onAbort(() => aborter.abort())
        const alive = setInterval(() => void out.write(': still here\n\n'), 15_000)
        try {
          await out.write(': open\n\n')
          for await (const [change] of on(follower.changes, 'change', {
            signal: aborter.signal,
          }) as AsyncIterable<[Change]>)
            await out.writeSSE({ id: String(change.block), data: JSON.stringify(recordOf(change)) })
        } catch (error) {
          if (!aborter.signal.aborted) throw error
        } finally {
          clearInterval(alive)
          streams--
        }
      })
      // A stream has no typed response in Hono's OpenAPI routes.
      return response as never
    })
  },
}

function recordOf({ block, reorganised, subjects }: Change): ChangeRecord {
  // Subjects are named by arguments of events: ids and addresses.
  const of = (kind: string) => [...(subjects.get(kind) ?? [])]
  return { block, reorganised, leases: of('lease') as Hex[], workers: of('worker') as Address[] }
}
