import { createServer, type IncomingMessage } from 'node:http'
import { ROUTE_HEADER, SEALED_TYPE, sealedPaths } from '@cloister/core'
import { type Served, serve } from '@cloister/transport'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, it } from 'vitest'
// As browsers have it: in Node, connections are held to the attested key instead.
import { WorkerConnection } from '../../../client/src/worker/connection/web.ts'
import { openWorkerDoor, type WorkerDoor } from './door.ts'
import { newRequestKey } from './request-key.ts'

const key = privateKeyToAccount(generatePrivateKey())
const TLS_KEY_HASH = `0x${'11'.repeat(32)}` as const
const seen: { request: IncomingMessage; body: string }[] = []
let door: WorkerDoor
let service: Served

const open = async () =>
  openWorkerDoor({
    listen: { host: '127.0.0.1', port: 0 },
    identity: undefined,
    ingress: {
      find: () => ({ target: 'web', http: undefined }),
      connect: async () => {
        const { connect } = await import('node:net')
        return connect(service.port, '127.0.0.1')
      },
    },
    worker: key.address,
    requestKey: await newRequestKey(key, TLS_KEY_HASH, 1),
    api: async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      seen.push({ request, body })
      if (request.url === '/v1/stream') {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
        return void request.once('close', () => response.end())
      }
      response.writeHead(201, { 'content-type': 'application/json' }).end('{"said":"yes"}')
    },
    upgrade: async (_, socket) => void socket.destroy(),
    isDevelopment: true,
  })

beforeAll(async () => {
  service = await serve(
    'The service',
    createServer((_, response) => response.end('a service')),
    { host: '127.0.0.1', port: 0 },
  )
  door = await open()
})
afterAll(async () => {
  await door.close()
  await service.close()
})

/** A gateway passes on what is at these paths as it is, so the worker itself will do here. */
const connectionTo = ({ port }: WorkerDoor, worker = key.address, attested = TLS_KEY_HASH) =>
  new WorkerConnection({
    endpoint: 'https://worker.example',
    worker,
    attestedKey: async () => attested,
    network: { development: true, chainId: 1, gatewayUrl: `http://127.0.0.1:${port}` },
  })
const ask = (connection: WorkerConnection, path: string, init: RequestInit = {}) =>
  connection.send(connection.urlOf(path), init) as Promise<Response>

it('answers what is sealed as it answers what isn’t', async () => {
  const headers = { authorization: 'Cloister abc', 'content-type': 'application/json' }
  const answer = await ask(connectionTo(door), '/v1/leases/0x1/manifest?x=1', {
    method: 'PUT',
    headers,
    body: '{"a":"ü"}',
  })
  expect([answer.status, answer.headers.get('content-type')]).toEqual([201, 'application/json'])
  expect(await answer.json()).toEqual({ said: 'yes' })
  const { request, body } = seen.at(-1) as (typeof seen)[number]
  expect([request.method, request.url, body]).toEqual(['PUT', '/v1/leases/0x1/manifest?x=1', '{"a":"ü"}'])
  expect(request.headers).toMatchObject(headers)
})

it('leads to services, streams as it comes, and hears that nobody reads any more', async () => {
  const connection = connectionTo(door)
  const routed = await ask(connection, '/', { headers: { [ROUTE_HEADER]: 'lease/web' } })
  expect(await routed.text()).toBe('a service')
  const stream = await ask(connection, '/v1/stream')
  const reader = (stream.body as ReadableStream<Uint8Array>).getReader()
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: 1\n\n')
  const { request } = seen.at(-1) as (typeof seen)[number]
  await reader.cancel()
  await expect.poll(() => request.destroyed).toBe(true)
})

it('is asked for its key again once the worker was started anew', async () => {
  const first = await open()
  const connection = connectionTo(first)
  await ask(connection, '/v1/worker')
  await first.close()
  const again = await open()
  Object.assign(connection, { urls: Reflect.get(connectionTo(again), 'urls') })
  expect((await ask(connection, '/v1/worker')).status).toBe(201)
  await again.close()
})

it('is spoken to by nobody who attested another TLS key, or is another worker', async () => {
  seen.length = 0
  const other = `0x${'22'.repeat(32)}` as `0x${string}`
  await expect(ask(connectionTo(door, key.address, other as typeof TLS_KEY_HASH), '/')).rejects.toMatchObject(
    {
      code: 'not-attested',
    },
  )
  const { address } = privateKeyToAccount(generatePrivateKey())
  await expect(ask(connectionTo(door, address), '/')).rejects.toThrow()
  expect(seen.map(({ request }) => request.url)).toEqual([sealedPaths(address).key])
})

it('refuses what is sealed to nobody, too long or no request', async () => {
  const { sealed } = sealedPaths(key.address)
  const post = async (body: Uint8Array<ArrayBuffer>) => {
    const response = await fetch(`http://127.0.0.1:${door.port}${sealed}`, { method: 'POST', body })
    expect(response.headers.get('content-type')).not.toBe(SEALED_TYPE)
    return response.json()
  }
  expect(await post(new Uint8Array(100))).toMatchObject({ code: 'not-sealed-for-us' })
  expect(await post(new Uint8Array(2 * 1024 * 1024))).toMatchObject({ code: 'too-large' })
  expect((await fetch(`http://127.0.0.1:${door.port}${sealed}`)).status).toBe(404)
})
