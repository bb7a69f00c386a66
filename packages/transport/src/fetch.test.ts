import { createServer, type Server } from 'node:http'
import {
  type AddressInfo,
  connect,
  createServer as createRawServer,
  type Server as RawServer,
} from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { DialAgent } from './dial.ts'
import { fetchOver } from './fetch.ts'

let server: Server | undefined
let raw: RawServer | undefined
let agent: DialAgent
afterEach(() => {
  agent.destroy()
  server?.closeAllConnections()
  for (const one of [server, raw]) one?.close()
  server = raw = undefined
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
  await new Promise<void>((done) => server?.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  agent = new DialAgent(async () => connect(port, '127.0.0.1'))
  const ask = async (method: string) =>
    (
      await fetchOver(agent, 'there', `http://there/`, { method, ...(method !== 'GET' && { body: '{}' }) })
    ).text()
  expect(await ask('GET')).toBe('hello')
  expect(await ask('GET')).toBe('hello')
  expect([connections, requests]).toEqual([2, 3])
  for (const method of ['PUT', 'POST']) {
    await expect(ask(method)).rejects.toThrow('fetch failed')
    expect(await ask(method)).toBe('hello')
  }
  expect([connections, requests]).toEqual([4, 7])
})

describe('an answer that is none', () => {
  /** Asks a server that writes these bytes and closes the connection. */
  const answered = async (bytes: string, thenClose = true): Promise<Response> => {
    raw = createRawServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => (thenClose ? socket.end(bytes, 'latin1') : socket.write(bytes, 'latin1')))
    })
    await new Promise<void>((done) => raw?.listen(0, '127.0.0.1', done))
    const { port } = raw.address() as AddressInfo
    agent = new DialAgent(async () => connect(port, '127.0.0.1'))
    return fetchOver(agent, 'there', 'http://there/', { signal: AbortSignal.timeout(1_000) })
  }
  const head = (status: string, rest = 'content-length: 0\r\n') => `HTTP/1.1 ${status}\r\n${rest}\r\n`

  it.each([
    ['a status below all', head('099 X')],
    ['a status above all', head('600 X')],
    [
      'another protocol that nobody asked for',
      head('101 X', 'connection: upgrade\r\nupgrade: websocket\r\n'),
    ],
    ['101 and nothing else', head('101 X', '')],
    ['a redirect', head('302 X', 'location: http://169.254.169.254/\r\n')],
    ['nothing', ''],
    ['half a head', 'HTTP/1.1 200 OK\r\ncontent-le'],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['two lengths', head('200 OK', 'content-length: 1\r\ncontent-length: 2\r\n')],
    ['a head without end', `HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(20_000)}`],
    ['one header of a megabyte', head('200 OK', `a: ${'b'.repeat(1_000_000)}\r\n`)],
    ['a NUL in a header', head('200 OK', 'a: b\0c\r\n')],
  ])('fails as `fetch` does: %s', async (_, bytes) => {
    await expect(answered(bytes)).rejects.toThrow(TypeError)
  })

  it.each([204, 205, 304])('has no body with status %i', async (status) => {
    const response = await answered(`${head(`${status} X`, 'content-length: 5\r\n')}hello`)
    expect([response.status, await response.text()]).toEqual([status, ''])
  })

  it('that ends before its length fails where it is read', async () => {
    const response = await answered(`${head('200 OK', 'content-length: 10\r\n')}hello`)
    await expect(response.text()).rejects.toThrow()
  })

  it('that never ends is given up when the caller says', async () => {
    await expect(answered(head('102 Processing', '').repeat(50), false)).rejects.toMatchObject({
      cause: { name: 'AbortError' },
    })
  })
})
