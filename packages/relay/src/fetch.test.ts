import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { DialAgent } from './dial.ts'
import { fetchOver } from './fetch.ts'

let server: Server
let agent: DialAgent
afterEach(() => {
  agent.destroy()
  server.closeAllConnections()
  server.close()
})

it('asks again where a kept connection was closed under a question that changes nothing, and only then', async () => {
  const served = new WeakSet()
  let connections = 0
  let requests = 0
  // Answers once on each connection, and closes it at the second request without a word.
  server = createServer((request, response) => {
    requests++
    if (served.has(request.socket)) return void request.socket.destroy()
    served.add(request.socket)
    response.end('hello')
  })
  server.on('connection', () => connections++)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  agent = new DialAgent(async () => connect(port, '127.0.0.1'))
  const ask = async (method: string) => (await fetchOver(agent, 'there', `http://there/`, { method, ...(method !== 'GET' && { body: '{}' }) })).text()
  expect(await ask('GET')).toBe('hello')
  expect(await ask('GET')).toBe('hello')
  expect([connections, requests]).toEqual([2, 3])
  for (const method of ['PUT', 'POST']) {
    await expect(ask(method)).rejects.toThrow('fetch failed')
    expect(await ask(method)).toBe('hello')
  }
  expect([connections, requests]).toEqual([4, 7])
})
