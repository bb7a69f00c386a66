import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { serve } from './serve.ts'
import { fetchSocket } from './socket-fetch.ts'

it('a server listens on a free port, and closing it ends its connections, upgraded ones too', async () => {
  const server = createServer()
  server.on('upgrade', (_, socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n'))
  const { port, close } = await serve('The test', server, { host: '127.0.0.1', port: 0 })
  const idle = connect(port, '127.0.0.1').on('error', () => {})
  const upgraded = connect(port, '127.0.0.1').on('error', () => {})
  upgraded.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
  await Promise.all([once(idle, 'connect'), once(upgraded, 'data')])
  await Promise.all([close(), once(idle, 'close'), once(upgraded, 'close')])
  expect(server.listening).toBe(false)
})

it('a port that somebody has is an error that says whose, and where', async () => {
  const { port, close } = await serve('The first', createTcpServer(), { host: '127.0.0.1', port: 0 })
  await expect(serve('The second', createTcpServer(), { host: '127.0.0.1', port })).rejects.toMatchObject({
    code: 'port-taken',
    message: `The second can not listen on 127.0.0.1:${port} (EADDRINUSE).`,
  })
  await close()
})

it('whoever listens on a Unix socket is asked like anybody else', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-serve-'))
  const path = join(folder, 'a.sock')
  const server = createServer((request, response) => {
    if (request.url === '/silent') return
    request.pipe(
      response.writeHead(request.method === 'POST' ? 201 : 200, { 'x-host': request.headers.host }),
    )
  })
  const { close } = await serve('The test', server, { path })
  try {
    const ask = fetchSocket(path)
    const answer = await ask('http://agent/here', { method: 'POST', body: 'hello' })
    expect([answer.status, answer.headers.get('x-host'), await answer.text()]).toEqual([
      201,
      'agent',
      'hello',
    ])
    await expect(ask('http://agent/silent', { signal: AbortSignal.timeout(50) })).rejects.toThrow()
    await expect(fetchSocket(join(folder, 'none'))('http://agent/', {})).rejects.toMatchObject({
      cause: { code: 'ENOENT' },
    })
  } finally {
    await close()
    rmSync(folder, { recursive: true })
  }
})

it('a server that drains takes nothing new, answers what it was asked, and ends what is idle', async () => {
  let answer = () => {}
  const server = createServer((request, response) => {
    if (request.url === '/now') response.end('now')
    else answer = () => response.end('late')
  })
  const { port, drain } = await serve('The test', server, { host: '127.0.0.1', port: 0 })
  const ask = async (path: string) => await (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  expect(await ask('/now')).toBe('now')
  const asked = once(server, 'request')
  const late = ask('/late')
  await asked
  const drained = drain(10_000)
  await expect(ask('/now')).rejects.toThrow()
  answer()
  expect(await late).toBe('late')
  await drained
  expect(server.listening).toBe(false)
})

it('a request that does not end holds a draining server for its bound, and no longer', async () => {
  const server = createServer((_, response) => response.write('a beginning'))
  const { port, drain } = await serve('The test', server, { host: '127.0.0.1', port: 0 })
  const response = await fetch(`http://127.0.0.1:${port}/`)
  await drain(20)
  await expect(response.text()).rejects.toThrow()
})
