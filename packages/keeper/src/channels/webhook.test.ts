import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Webhook as Verifier } from 'standardwebhooks'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Notice } from '../notice.ts'
import { Webhook } from './webhook.ts'

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const NOTICE: Notice = {
  id: 'b1946ac9-2492-4d23-8d5b-0f8a1c1d7a11',
  time: '2026-11-26T00:00:00.000Z',
  lease: `0x${'1e'.repeat(32)}`,
  name: 'my-app',
  kind: 'money-low',
  state: 'raised',
  message: 'The money lasts 30 min more.',
  network: 'test',
  simulated: true,
}

let server: Server
let url: string
let status: number
let got: { headers: IncomingMessage['headers']; body: string }[]

beforeEach(async () => {
  got = []
  status = 204
  server = createServer(async (request, response) => {
    got.push({ headers: request.headers, body: await text(request) })
    response.writeHead(status, status === 302 ? { location: 'http://127.0.0.1:1/' } : {}).end()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?key=secret`
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

it('tells a notice so that a library of the standard takes it', async () => {
  await new Webhook(url, SECRET).tell(NOTICE)
  const { headers, body } = got[0] ?? { headers: {}, body: '' }
  const sent = new Verifier(SECRET).verify(body, headers as Record<string, string>)
  expect(sent).toEqual({ type: 'lease.money-low.raised', timestamp: NOTICE.time, data: NOTICE })
  expect(headers['webhook-id']).toBe(NOTICE.id)
  const other = new Verifier(`whsec_${Buffer.alloc(32, 8).toString('base64')}`)
  expect(() => other.verify(body, headers as Record<string, string>)).toThrow()
})

it('signs nothing without a secret', async () => {
  await new Webhook(url, undefined).tell(NOTICE)
  expect(got[0]?.headers['webhook-signature']).toBeUndefined()
})

it.each([500, 404, 302])('counts status %i as not taken', async (answered) => {
  status = answered
  await expect(new Webhook(url, SECRET).tell(NOTICE)).rejects.toThrow(/^webhook http:\/\/127\.0\.0\.1/)
})

it('is named without its query, which may be a secret', () => {
  expect(new Webhook(url, SECRET).name).not.toContain('secret')
})

it.each([
  ['not a url', undefined],
  ['file:///etc/passwd', undefined],
  ['https://example.com', 'hunter2'],
  ['https://example.com', 'whsec_short'],
])('refuses %s with the secret %s', (address, secret) => {
  expect(() => new Webhook(address, secret)).toThrow()
})
