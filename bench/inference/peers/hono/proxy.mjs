// A bare streaming proxy: node hono.mjs PORT ENGINE
import { serve } from '@hono/node-server'
import { Hono } from 'hono'

const [port, engine] = process.argv.slice(2)
const app = new Hono()
app.post('/*', async (context) => {
  const { pathname, search } = new URL(context.req.url)
  const answer = await fetch(`${engine}${pathname}${search}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: context.req.header('authorization') ?? '' },
    body: context.req.raw.body,
    duplex: 'half',
    signal: context.req.raw.signal,
  })
  return new Response(answer.body, { status: answer.status, headers: answer.headers })
})
serve({ fetch: app.fetch, port: Number(port), hostname: '127.0.0.1' })
