import { CloisterError, messageOf, toProblem } from '@cloister/core'
import type { AddressLimits } from '@cloister/transport'
import { readText } from '@cloister/transport'
import { type Context, Hono } from 'hono'
import { cors } from 'hono/cors'
import { streamText } from 'hono/streaming'
import type { Hex } from 'viem'
import { MAX_DOCUMENT_BYTES } from '../../document.ts'
import { MAX_ENVELOPE_BYTES } from '../../messages/envelope.ts'
import type { Clients } from '../clients.ts'
import { askGraphql, MAX_QUESTION_BYTES } from '../graphql/ask.ts'
import { rootOf } from '../graphql/root.ts'
import type { Hub } from '../hub.ts'
import { scoresOf, votingPowerOf } from './scores.ts'

/** What the interface is made of. */
export interface ApiParts {
  hub: Hub
  limits: AddressLimits
  clients: Clients
  warn: (message: string) => void
  /** Is told of each vote that was posted: `taken`, or the code of why not. */
  posted: (outcome: string) => void
}

/** Where a request came from, as the server puts it there. */
type Bindings = { incoming?: { socket: { remoteAddress?: string } } }

/**
 * What a hub answers: Snapshot's sequencer (`POST /`), its hub (`/graphql`), its scores (`/api/scores`), and
 * what it has, for anybody: envelopes by content (`/ipfs/…`), all of them (`/export`).
 */
export function hubApi({ hub, limits, clients, warn, posted }: ApiParts): Hono<{ Bindings: Bindings }> {
  const app = new Hono<{ Bindings: Bindings }>()
  const root = rootOf(hub)
  const { store, space, ballots, chain, key } = hub.parts
  app.use('*', cors())
  app.use('*', async (context, next) => {
    const from = context.env?.incoming?.socket.remoteAddress
    const seconds = limits.take(clients.of(from, context.req.header('x-forwarded-for')))
    if (seconds > 0) {
      context.header('retry-after', String(seconds))
      throw new CloisterError('too-many', 'You ask too much at once.')
    }
    await next()
  })
  app.onError((error, context) => {
    if (!(error instanceof CloisterError)) warn(`a request failed: ${messageOf(error)}`)
    return refuse(context, error)
  })
  app.notFound((context) => refuse(context, new CloisterError('not-found', 'There is nothing here.')))

  const body = (context: Context, bytes: number) => readText(context.req.raw.body, bytes)
  const post = async (context: Context) => {
    const json = await body(context, MAX_ENVELOPE_BYTES)
    const asked = rpcOf(json)
    if (asked) return context.json(await votingPowerOf(hub, asked))
    try {
      const { stored, receipt, snapshotReceipt } = await hub.take(json)
      posted('taken')
      return context.json({
        id: stored.vote.id,
        ipfs: stored.content,
        relayer: { address: key.address, receipt: snapshotReceipt },
        receipt,
      })
    } catch (error) {
      posted(error instanceof CloisterError ? error.code : 'internal')
      throw error
    }
  }
  app.post('/', post)
  app.post('/api/msg', post)
  app.post('/graphql', async (context) => {
    const json = await body(context, MAX_QUESTION_BYTES)
    return context.json(await askGraphql(parseJson(json), root))
  })
  app.post('/api/scores', async (context) =>
    context.json(await scoresOf(hub, parseJson(await body(context, MAX_ENVELOPE_BYTES)))),
  )
  app.get('/', (context) =>
    context.json({
      name: 'cloister-hub',
      network: chain.network.name,
      chainId: chain.network.chainId,
      contract: ballots,
      space,
      hub: key.address,
      ...store.counts(),
    }),
  )
  app.get('/health', (context) => context.text('ok\n'))
  app.post('/texts', async (context) => {
    const content = await hub.publish(await body(context, MAX_DOCUMENT_BYTES))
    return context.json({ uri: `ipfs://${content}` })
  })
  app.get('/ipfs/:content', (context) => {
    const content = context.req.param('content')
    const text = store.published(content)
    if (text === undefined) throw new CloisterError('not-found', 'Nothing of this content is here.')
    context.header('cache-control', 'public, max-age=31536000, immutable')
    context.header('content-type', 'application/json')
    return context.body(text)
  })
  app.get('/export', (context) => {
    const proposal = context.req.query('proposal')
    if (proposal !== undefined && !/^0x[0-9a-f]{64}$/.test(proposal))
      throw new CloisterError('bad-request', 'A ballot’s id is 0x and 64 hexadecimal digits, small.')
    const after = Number(context.req.query('after') ?? 0)
    if (!Number.isSafeInteger(after) || after < 0)
      throw new CloisterError('bad-request', 'after is a whole number.')
    const onlyLast = context.req.query('last') === '1'
    context.header('content-type', 'application/x-ndjson')
    context.header('cloister-last', String(store.counts().last))
    return streamText(context, async (stream) => {
      for (const { envelope } of store.export(after, proposal as Hex | undefined, onlyLast)) {
        if (stream.aborted) return
        await stream.write(`${envelope}\n`)
      }
    })
  })
  return app
}

/** A question in JSON-RPC, as Snapshot's score service takes it on the same path. */
function rpcOf(json: string): Record<string, unknown> | undefined {
  if (!json.includes('"jsonrpc"')) return undefined
  const body = parseJson(json)
  return body !== null && typeof body === 'object' && 'jsonrpc' in body && 'method' in body
    ? (body as Record<string, unknown>)
    : undefined
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (cause) {
    throw new CloisterError('not-json', 'The request is no JSON.', { cause })
  }
}

/**
 * A refusal in Snapshot's words, which its tools show, and as a problem document (RFC 9457), which ours read.
 * As `application/json`, since snapshot.js passes on nothing else.
 */
function refuse(context: Context, error: unknown): Response {
  const problem = toProblem(error)
  const kind = problem.status < 500 ? 'client_error' : 'server_error'
  return context.body(
    JSON.stringify({ error: kind, error_description: problem.title, ...problem }),
    problem.status as 400,
    { 'content-type': 'application/json' },
  )
}
