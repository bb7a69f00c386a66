import type { Context } from 'hono'
import { streamOf, toServerSentEvents } from './streams.ts'

/** Answers with what a source gives, as server-sent events, until the reader leaves. */
export function sse<T>(
  context: Context,
  source: (signal: AbortSignal) => AsyncIterable<T>,
  idOf?: (value: T) => number,
): never {
  const aborter = new AbortController()
  context.req.raw.signal.addEventListener('abort', () => aborter.abort())
  const body = streamOf(toServerSentEvents(source(aborter.signal), idOf), () => aborter.abort())
  // A stream has no typed response in Hono's OpenAPI routes.
  return new Response(body, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
  }) as never
}
