import { createServer, type IncomingHttpHeaders } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { DialAgent } from '@cloister/transport'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Resolver } from './resolve.ts'
import { ScrapeDoor } from './scrape-door.ts'

const LEASE = `0x${'ab'.repeat(32)}`
const unused = {} as never
const nowhere = new ScrapeDoor(unused as Resolver<never>, unused as DialAgent, unused)

it('leads to a lease by one path', () => {
  expect(nowhere.leaseIn(`/v1/leases/${LEASE}/scrape`)).toBe(LEASE)
})

it.each([
  `/v1/leases/${LEASE}`,
  `/v1/leases/${LEASE}/logs`,
  `/v1/leases/${LEASE}/scrape/`,
  `/v1/leases/${LEASE}/scrape-tokens`,
  `/v1/leases/${LEASE}/scrape/../logs`,
  `/v1/leases/my-app/scrape`,
  `//v1/leases/${LEASE}/scrape`,
])('leads nowhere by %j', (path) => expect(nowhere.leaseIn(path)).toBeUndefined())

let seen: { url: string | undefined; headers: IncomingHttpHeaders }[]
let closing: (() => void)[]
beforeEach(() => {
  seen = []
  closing = []
})
afterEach(() => {
  for (const close of closing) close()
})

async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

it('tells the worker the token and nothing else of who asks', async () => {
  const worker = await listening(
    createServer((request, response) => {
      seen.push({ url: request.url, headers: request.headers })
      response.end('up 1\n')
    }),
  )
  const agent = new DialAgent(async () => connect(worker, '127.0.0.1'))
  closing.push(() => agent.destroy())
  const record = { lease: LEASE, state: 'open', endpoint: 'http://worker.example', tlsKeyHash: LEASE }
  const leases = { find: async (key: string) => (key === LEASE ? record : undefined) }
  const silence = { clientMs: 5_000, sendMs: 5_000, answerMs: 5_000 }
  const door = new ScrapeDoor(leases as unknown as Resolver<never>, agent, silence)
  const gateway = await listening(
    createServer(
      (request, response) => void door.request(door.leaseIn(request.url ?? '') ?? '', request, response),
    ),
  )
  const url = `http://127.0.0.1:${gateway}/v1/leases/${LEASE}/scrape`
  const headers = { authorization: 'Bearer cst_x', cookie: 'a=b', 'cloister-route': 'x/y' }
  expect(await (await fetch(url, { headers })).text()).toBe('up 1\n')
  expect(seen[0]?.url).toBe(`/v1/leases/${LEASE}/scrape`)
  expect(seen[0]?.headers).toMatchObject({ host: 'worker', authorization: 'Bearer cst_x' })
  for (const name of ['cookie', 'cloister-route']) expect(seen[0]?.headers).not.toHaveProperty(name)
  expect((await fetch(url, { method: 'POST', headers })).status).toBe(404)
  expect((await fetch(url.replace('ab', 'cd'), { headers })).status).toBe(404)
  expect(seen).toHaveLength(1)
})
