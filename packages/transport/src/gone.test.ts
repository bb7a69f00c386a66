import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { expect, it, vi } from 'vitest'
import { DialAgent, http1Upstream, relayRequest, relayUpgrade } from './index.ts'

const MINUTE = 60_000
const silence = { clientMs: MINUTE, sendMs: MINUTE, answerMs: MINUTE }

it.each(['request', 'upgrade'])(
  'nothing is opened for a client that left before its %s went on',
  async (kind) => {
    const dial = vi.fn(() => Promise.reject(new Error('nobody is there')))
    const refuse = vi.fn()
    const agent = new DialAgent(dial)
    const server = createServer()
    // As a gateway does that looks a name up first.
    const over = new Promise<void>((resolve) => {
      server.on('request', (request: IncomingMessage, response: ServerResponse) =>
        response.once('close', () => {
          relayRequest(request, response, {
            upstream: http1Upstream(agent, 'target'),
            headers: {},
            maxBodyBytes: 1,
            silence,
            refuse,
          })
          resolve()
        }),
      )
      server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        socket.on('error', () => {}).resume()
        socket.once('close', () => {
          relayUpgrade(request, socket, head, {
            agent,
            target: 'target',
            headers: {},
            answerMs: MINUTE,
            refuse,
          })
          resolve()
        })
      })
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
    const come = once(server, kind)
    client.write(
      `GET / HTTP/1.1\r\nhost: a\r\n${kind === 'upgrade' ? 'connection: upgrade\r\nupgrade: websocket\r\n' : ''}\r\n`,
    )
    await come
    client.resetAndDestroy()
    await over
    expect(dial).not.toHaveBeenCalled()
    expect(refuse).not.toHaveBeenCalled()
    agent.destroy()
    server.close()
  },
)
