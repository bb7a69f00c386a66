import { createServer, type IncomingHttpHeaders } from 'node:http'
import { ROUTE_HEADER } from '@cloister/core'
import { type Served, serve } from '@cloister/transport'
import { zeroAddress, zeroHash } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { workerOfRecord } from './record.ts'
import { askService, callService } from './service.ts'

let served: Served
let seen: { method: string | undefined; url: string | undefined; headers: IncomingHttpHeaders; body: string }

beforeAll(async () => {
  // A worker as far as a request is led through one.
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    seen = { method: request.method, url: request.url, headers: request.headers, body }
    if (request.url === '/none') response.writeHead(404).end('nothing here')
    else if (request.url === '/endless') response.end(Buffer.alloc(5 * 1024 * 1024))
    else response.end('{"said":"yes"}')
  })
  served = await serve('The test', server, { host: '127.0.0.1', port: 0 })
})
afterAll(() => served.close())

const workerAt = (endpoint: string, development = true, tlsKeyHash?: typeof zeroHash) =>
  workerOfRecord(
    { development, chainId: 1, gatewayUrl: 'http://127.0.0.1:9' },
    { worker: zeroAddress, endpoint, tlsKeyHash },
  )
const worker = (development?: boolean) => workerAt(`http://127.0.0.1:${served.port}/`, development)

describe('a service of a lease', () => {
  it('is asked through its worker, which is told the lease', async () => {
    const request = { method: 'POST', path: '/v1/word', body: '{"a":1}' } as const
    expect(await callService(worker(), zeroHash, request)).toEqual({ status: 200, text: '{"said":"yes"}' })
    expect(seen).toMatchObject({ method: 'POST', url: '/v1/word', body: '{"a":1}' })
    expect(seen.headers[ROUTE_HEADER]).toBe(`${zeroHash}/`)
  })

  it('answers with any status; one that isn’t success is an error where JSON is wanted', async () => {
    expect(await callService(worker(), zeroHash, { path: '/none' })).toEqual({
      status: 404,
      text: 'nothing here',
    })
    const ask = (path: string, schema: z.ZodType) =>
      askService('The seat', worker(), zeroHash, { path }, schema)
    expect(await ask('/', z.object({ said: z.string() }))).toEqual({ said: 'yes' })
    await expect(ask('/none', z.unknown())).rejects.toMatchObject({ code: 'bad-answer' })
    await expect(ask('/', z.object({ said: z.number() }))).rejects.toMatchObject({
      code: 'bad-answer',
      message: expect.stringContaining(
        'The seat answered in a shape we don’t know, at said'.replace('’', "'"),
      ),
    })
  })

  it('can not fill our memory', async () => {
    await expect(callService(worker(), zeroHash, { path: '/endless' })).rejects.toMatchObject({
      code: 'bad-answer',
    })
  })

  it('is asked nowhere but at its worker', async () => {
    for (const path of ['@elsewhere.example/', '.elsewhere.example/', ''])
      await expect(
        Promise.resolve().then(() => callService(worker(), zeroHash, { path })),
      ).rejects.toMatchObject({ code: expect.stringMatching(/^(bad-request|forbidden-address)$/) })
  })

  it('is not asked inside of private networks, but on a development network', async () => {
    const inside = workerAt(`https://127.0.0.1:${served.port}`, false, zeroHash)
    await expect(callService(inside, zeroHash, { path: '/' })).rejects.toMatchObject({
      code: 'forbidden-address',
    })
  })

  it('is not asked without TLS, but on a development network', async () => {
    await expect(callService(worker(false), zeroHash, { path: '/' })).rejects.toMatchObject({
      code: 'not-attested',
      message: expect.stringContaining('is reached without TLS'),
    })
  })

  it('is not asked over TLS to a worker that has attested no key', async () => {
    const { port } = served
    await expect(
      callService(workerAt(`https://127.0.0.1:${port}`), zeroHash, { path: '/' }),
    ).rejects.toMatchObject({ code: 'not-attested' })
  })
})
