import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, it } from 'vitest'
import { NameServer } from './name-server.ts'

it('asks no longer than it is to, also where that was over before the server took the connection', async () => {
  const server = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  try {
    const silent = new NameServer(`127.0.0.1:${port}`, { allowsInternal: true })
    await expect(silent.texts('example.org', AbortSignal.abort())).rejects.toMatchObject({
      code: 'unreachable',
    })
  } finally {
    server.close()
  }
})
