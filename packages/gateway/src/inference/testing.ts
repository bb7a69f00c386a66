import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hashManifest, ROUTE_HEADER } from '@cloister/core'
import { type EndpointOptions, inferenceManifest } from '@cloister/inference/protocol'
import { type GatewaySettings, type RunningGateway, startGateway } from '../gateway.ts'

const TOKEN = `0x${'55'.repeat(20)}`
const DIGEST = `sha256:${'1'.repeat(64)}`

export const leaseIdOf = (place: number) => `0x${String(place + 1).repeat(64)}`

/** A worker as far as a gateway sees one, with one endpoint whose engine is a test's. */
export interface FakeWorker {
  server: Server
  port: number
  options: EndpointOptions
  /** Base units for a million tokens: input, cached, output. */
  prices: [number, number, number]
  isOffered: boolean
  isCovered: boolean
  /** In place of the options that its lease's manifest was made of. */
  claims: EndpointOptions | undefined
  /** Requests that its engine got, with their bodies. */
  asked: { path: string; headers: IncomingMessage['headers']; body: Buffer }[]
  /** Requests whose client left. */
  left: number
  /** Answers for the engine; the worker itself is asked for its lease's routes. */
  engine: (request: IncomingMessage, body: Buffer, response: ServerResponse) => void
  /** It answers nothing at all. */
  isSilent: boolean
}

/** An engine that speaks as OpenAI's API does, with the name of its worker. */
export function fakeEngine(name: string): FakeWorker['engine'] {
  return (request, body, response) => {
    if (request.method === 'GET') {
      const [path = ''] = (request.url ?? '').split('?')
      const isKnown = !path.includes('unknown')
      response.writeHead(isKnown ? 200 : 404, { 'content-type': 'application/json' })
      return response.end(JSON.stringify(isKnown ? { path: request.url, name } : { error: 'unknown' }))
    }
    const asked = JSON.parse(String(body)) as { stream?: boolean; model: string }
    response.setHeader('x-receipt-id', `rcpt_${'ab'.repeat(16)}`)
    const base = { id: `chatcmpl-${name}`, created: 1, model: asked.model }
    if (request.url === '/v1/messages') return answerMessages(asked, name, response)
    if (request.url === '/v1/embeddings') {
      const vector = Buffer.from(new Float32Array([1, 2]).buffer).toString('base64')
      const data = [{ object: 'embedding', index: 0, embedding: vector }]
      return response
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify({ object: 'list', model: asked.model, data, usage: {} }))
    }
    if (!asked.stream)
      return response.setHeader('content-type', 'application/json').end(
        JSON.stringify({
          ...base,
          object: 'chat.completion',
          choices: [
            {
              index: 0,
              finish_reason: 'stop',
              message: { role: 'assistant', content: `I am ${name}`, refusal: null },
            },
          ],
          usage: { prompt_tokens: 1, completion_tokens: 3, total_tokens: 4 },
        }),
      )
    response.setHeader('content-type', 'text/event-stream')
    const event = (delta: object, finish: string | null = null) =>
      response.write(
        `data: ${JSON.stringify({
          ...base,
          object: 'chat.completion.chunk',
          choices: [{ index: 0, delta, finish_reason: finish }],
        })}\n\n`,
      )
    event({ role: 'assistant', content: '' })
    for (const word of ['I', ' am', ` ${name}`]) event({ content: word })
    event({}, 'stop')
    return response.end('data: [DONE]\n\n')
  }
}

function answerMessages(
  { stream, model }: { stream?: boolean; model: string },
  name: string,
  response: ServerResponse,
) {
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model,
    content: [] as object[],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 1, output_tokens: 1 },
  }
  if (!stream) {
    const content = [{ type: 'text', text: `I am ${name}` }]
    return response
      .setHeader('content-type', 'application/json')
      .end(JSON.stringify({ ...message, content, stop_reason: 'end_turn' }))
  }
  response.setHeader('content-type', 'text/event-stream')
  const event = (type: string, more: object) =>
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`)
  event('message_start', { message })
  event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } })
  for (const text of ['I am', ` ${name}`])
    event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } })
  event('content_block_stop', { index: 0 })
  event('message_delta', {
    delta: { stop_reason: 'end_turn', stop_sequence: null },
    usage: { output_tokens: 3 },
  })
  event('message_stop', {})
  return response.end()
}

/** A gateway over an index and workers that are fakes: the real ones meet it in e2e. */
export interface Stage {
  gateway: RunningGateway
  url: string
  workers: FakeWorker[]
  index: Server
  /** Receipts that the index keeps, by id. */
  receipts: Map<string, object>
  end: () => Promise<void>
}

export async function raiseStage(count: number, settings: Partial<GatewaySettings> = {}): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-inference-'))
  const workers: FakeWorker[] = []
  for (let place = 0; place < count; place++) workers.push(await openWorker(place))
  const receipts = new Map<string, object>()
  const index = await listen(
    createServer((request, response) => answerIndex(workers, receipts, request, response)),
  )
  const gateway = await startGateway({
    domain: 'localhost',
    host: '127.0.0.1',
    port: 0,
    indexerUrl: `http://127.0.0.1:${portOf(index)}`,
    development: { portsFile: join(folder, 'ports.json') },
    inference: { currencies: [{ address: TOKEN, symbol: 'USDC', decimals: 6 }] },
    ...settings,
  })
  return {
    gateway,
    url: `http://127.0.0.1:${gateway.port}`,
    workers,
    index,
    receipts,
    end: async () => {
      await gateway.stop()
      for (const server of [...workers.map((worker) => worker.server), index]) {
        server.closeAllConnections()
        server.close()
      }
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export const listen = (server: Server, port = 0) =>
  new Promise<Server>((done) => server.listen(port, '127.0.0.1', () => done(server)))
const portOf = (server: Server) => (server.address() as AddressInfo).port

async function openWorker(place: number): Promise<FakeWorker> {
  const worker: FakeWorker = {
    server: createServer(),
    port: 0,
    options: {
      version: 1,
      door: DIGEST,
      engine: { image: 'fake', digest: DIGEST, port: 80, memoryMiB: 64, cpuMilli: 100 },
      model: 'tiny',
      aliases: [`tiny-${place}`],
      contextLength: 512,
      concurrency: 8,
      endpoints: ['chat', 'completions', 'embeddings', 'responses', 'messages'],
    },
    prices: [1_000_000, 500_000, 2_000_000],
    isOffered: true,
    isCovered: true,
    claims: undefined,
    asked: [],
    left: 0,
    engine: fakeEngine(`worker ${place}`),
    isSilent: false,
  }
  worker.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (worker.isSilent) return
    if (request.url?.startsWith('/v1/leases/'))
      return response.end(
        JSON.stringify([{ service: 'door', port: 80, protocol: 'http', label: 'door', ready: true }]),
      )
    if (request.headers[ROUTE_HEADER] !== `${leaseIdOf(place)}/`)
      return response.writeHead(404, { 'cloister-state': 'unknown' }).end()
    const pieces: Buffer[] = []
    response.on('close', () => response.writableFinished || worker.left++)
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const body = Buffer.concat(pieces)
      worker.asked.push({ path: request.url ?? '', headers: request.headers, body })
      worker.engine(request, body, response)
    })
  })
  await listen(worker.server)
  worker.port = portOf(worker.server)
  return worker
}

function answerIndex(
  workers: FakeWorker[],
  receipts: ReadonlyMap<string, object>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { pathname } = new URL(request.url ?? '/', 'http://index')
  const key = pathname.split('/').at(-1)
  const found =
    pathname === '/v1/offers'
      ? { items: workers.flatMap((worker, place) => (worker.isOffered ? [offerOf(worker, place)] : [])) }
      : pathname.startsWith('/v1/leases/')
        ? workers.map(leaseOf).find(({ lease, shortId }) => lease === key || shortId === key)
        : pathname.startsWith('/v1/receipts/')
          ? receipts.get(key ?? '')
          : workers.map(workerOf).find((worker) => worker.worker === key)
  response
    .writeHead(found ? 200 : 404, { 'content-type': 'application/json' })
    .end(JSON.stringify(found ?? { type: 'about:blank', code: 'not-found', title: 'none', status: 404 }))
}

const addressOf = (place: number) => `0x${String(place + 1).repeat(40)}`

function offerOf({ options, claims, prices }: FakeWorker, place: number) {
  const [input, cached, output] = prices.map(String)
  return {
    offer: leaseIdOf(place),
    lease: leaseIdOf(place),
    tenant: addressOf(8),
    worker: addressOf(place),
    provider: addressOf(place),
    manifestHash: leaseIdOf(place),
    open: true,
    transaction: leaseIdOf(place),
    token: TOKEN,
    payee: addressOf(place),
    input,
    cached,
    output,
    model: options.model,
    options: JSON.stringify(claims ?? options),
    offeredAt: 1_000 + place,
  }
}

function leaseOf({ options, port }: FakeWorker, place: number) {
  return {
    lease: leaseIdOf(place),
    shortId: leaseIdOf(place).slice(2, 18),
    state: 'open',
    tenant: addressOf(8),
    worker: addressOf(place),
    provider: addressOf(place),
    token: TOKEN,
    ratePerSecond: '1',
    deposit: '1',
    spent: '0',
    fee: '0',
    refund: '0',
    coveredSeconds: 0,
    manifestHash: hashManifest(inferenceManifest(options)),
    openedAt: 1,
    refused: false,
    endpoint: `http://127.0.0.1:${port}`,
    transaction: leaseIdOf(place),
  }
}

function workerOf({ port, isCovered }: FakeWorker, place: number) {
  return {
    worker: addressOf(place),
    provider: addressOf(place),
    endpoint: `http://127.0.0.1:${port}`,
    cpuMilli: 1_000,
    memoryMiB: 1_000,
    diskMiB: 1_000,
    gpus: 0,
    gpuClass: '',
    retired: false,
    registeredAt: 1,
    coveredUntil: Math.floor(Date.now() / 1000) + (isCovered ? 3_600 : -1),
    coveredSeconds: 1,
    uptime: 1,
    attestation: 'attested',
    openLeases: 1,
    leasesServed: 1,
  }
}
