// A fake engine of fixed delay, and the index that names it: node engine.ts ENGINE_PORT INDEX_PORT WORKER_URL
// [TLS_KEY_HASH]. How it answers is in the request's `user`, which every gateway passes on:
// `{"delay":ms,"chunks":n,"every":ms}` in JSON.
import { createServer, type ServerResponse } from 'node:http'
import { hashManifest } from '@cloister/core'
import { type EndpointOptions, inferenceManifest } from '@cloister/inference/protocol'

const [enginePort, indexPort, workerUrl = '', tlsKeyHash] = process.argv.slice(2)
const LEASE = `0x${'a1'.repeat(32)}`
const ADDRESS = `0x${'a2'.repeat(20)}`
const ANSWER = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'tiny',
  choices: [
    {
      index: 0,
      finish_reason: 'stop',
      message: { role: 'assistant', content: 'The capital of Japan is Tokyo.' },
    },
  ],
  usage: { prompt_tokens: 12, completion_tokens: 8, total_tokens: 20 },
})
const CHUNK = `data: ${JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'tiny',
  choices: [{ index: 0, delta: { content: ' word' }, finish_reason: null }],
})}\n\n`

interface Asked {
  delay?: number
  chunks?: number
  every?: number
}

function answer(text: string, response: ServerResponse): void {
  const { user = '{}', stream } = JSON.parse(text) as { user?: string; stream?: boolean }
  const { delay = 0, chunks = 8, every = 0 } = JSON.parse(user) as Asked
  const after = (ms: number, next: () => void) => (ms > 0 ? setTimeout(next, ms) : next())
  after(delay, () => {
    if (!stream) return response.writeHead(200, { 'content-type': 'application/json' }).end(ANSWER)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    let left = chunks
    const more = (): unknown => {
      if (response.destroyed) return undefined
      if (left-- <= 0) return response.end('data: [DONE]\n\n')
      response.write(CHUNK)
      return after(every, more)
    }
    return more()
  })
}

createServer((request, response) => {
  if (request.url?.startsWith('/v1/leases/'))
    return response.end(JSON.stringify([{ service: 'door', port: 80, protocol: 'http', label: 'door' }]))
  let text = ''
  return request.on('data', (piece) => (text += piece)).on('end', () => answer(text, response))
}).listen(Number(enginePort), '127.0.0.1')

const digest = `sha256:${'1'.repeat(64)}`
const options: EndpointOptions = {
  version: 1,
  door: digest,
  engine: { image: 'fake', digest, port: 80, memoryMiB: 64, cpuMilli: 100 },
  model: 'tiny',
  contextLength: 512,
  concurrency: 10_000,
  endpoints: ['chat'],
}
const records: Record<string, unknown> = {
  '/v1/offers': {
    items: [
      {
        offer: LEASE,
        tenant: ADDRESS,
        worker: ADDRESS,
        provider: ADDRESS,
        manifestHash: LEASE,
        open: true,
        transaction: LEASE,
        lease: LEASE,
        token: ADDRESS,
        payee: ADDRESS,
        input: '0',
        cached: '0',
        output: '0',
        model: 'tiny',
        options: JSON.stringify(options),
        offeredAt: 1,
      },
    ],
  },
  [`/v1/leases/${LEASE}`]: {
    lease: LEASE,
    shortId: LEASE.slice(2, 18),
    state: 'open',
    tenant: ADDRESS,
    worker: ADDRESS,
    provider: ADDRESS,
    token: ADDRESS,
    ratePerSecond: '1',
    deposit: '1',
    spent: '0',
    fee: '0',
    refund: '0',
    coveredSeconds: 0,
    manifestHash: hashManifest(inferenceManifest(options)),
    openedAt: 1,
    refused: false,
    endpoint: workerUrl,
    ...(tlsKeyHash && { tlsKeyHash }),
    transaction: LEASE,
  },
  [`/v1/workers/${ADDRESS}`]: {
    worker: ADDRESS,
    provider: ADDRESS,
    endpoint: workerUrl,
    cpuMilli: 1,
    memoryMiB: 1,
    diskMiB: 1,
    gpus: 0,
    gpuClass: '',
    retired: false,
    registeredAt: 1,
    coveredUntil: 4_000_000_000,
    coveredSeconds: 1,
    uptime: 1,
    attestation: 'attested',
    openLeases: 1,
    leasesServed: 1,
  },
}
createServer((request, response) => {
  const found = records[(request.url ?? '').split('?', 1)[0] ?? '']
  response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' })
  response.end(JSON.stringify(found ?? {}))
}).listen(Number(indexPort), '127.0.0.1')
