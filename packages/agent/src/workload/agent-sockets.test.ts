import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { AgentSockets } from './agent-sockets.ts'

/** A machine that is busy with other tests takes its time. */
const PATIENCE = { timeout: 20_000 }

it('a socket in a container takes only so many connections, and others again once those are gone', async () => {
  const lease = `0x${'1'.repeat(64)}` as const
  const agent = new AgentSockets(Buffer.from(`a test ${process.pid}`), () => () => new Response('here'))
  const path = join(await agent.open(lease, `0x${'2'.repeat(64)}`), 'agent.sock')
  const crowd = Array.from({ length: 100 }, () =>
    connect(path)
      .on('error', () => {})
      .resume(),
  )
  try {
    await vi.waitFor(() => expect(crowd.filter(({ closed }) => closed)).toHaveLength(100 - 64), PATIENCE)
    for (const socket of crowd) socket.destroy()
    await vi.waitFor(async () => {
      const socket = connect(path).on('error', () => {})
      socket.write('GET / HTTP/1.1\r\nhost: agent\r\nconnection: close\r\n\r\n')
      expect(String((await once(socket, 'data', { signal: AbortSignal.timeout(5_000) }))[0])).toContain(
        'here',
      )
    }, PATIENCE)
  } finally {
    for (const socket of crowd) socket.destroy()
    await agent.closeAll()
  }
})
