import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:net'
import { expect, it } from 'vitest'
import { AddressLimits, networkOf } from './address-limits.ts'

const settings = { requestsPerSecond: 10, burst: 5, connectionsPerAddress: 3, connections: 4 }

it.each([
  ['203.0.113.7', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['::ffff:cb00:7107', '203.0.113.7'],
  ['0:0:0:0:0:ffff:203.0.113.7', '203.0.113.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:0db8:0001::', '2001:db8:1:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('%s counts as %s', (address, network) => expect(networkOf(address)).toBe(network))

it('an address has its burst, then its rate, and is told when to come again', () => {
  const limits = new AddressLimits(settings)
  const waits = Array.from({ length: 7 }, () => limits.take('192.0.2.1', 0))
  expect(waits).toEqual([0, 0, 0, 0, 0, 1, 1])
  expect(limits.take('192.0.2.2', 0)).toBe(0)
  expect(limits.take('192.0.2.1', 99)).toBe(1)
  expect(limits.take('192.0.2.1', 100)).toBe(0)
  expect(Array.from({ length: 6 }, () => limits.take('192.0.2.1', 60_000))).toEqual([0, 0, 0, 0, 0, 1])
  // Neighbours of one customer share.
  expect(Array.from({ length: 6 }, (_, i) => limits.take(`2001:db8::${i}`, 0)).at(-1)).toBe(1)
})

it('remembers a bounded number of addresses, the ones heard of last', () => {
  const limits = new AddressLimits(settings)
  for (let i = 0; i < 5; i++) limits.take('198.51.100.1', 0)
  for (let i = 0; i < 70_000; i++) {
    limits.take(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 0)
    if (i % 50_000 === 0) expect(limits.take('198.51.100.1', 0)).toBe(1)
  }
  expect(limits.size).toBe(65_536)
  expect(limits.take('198.51.100.1', 0)).toBe(1)
})

it('closes connections beyond what one address, and all, may have', async () => {
  const limits = new AddressLimits(settings)
  const server = createServer()
  limits.guard(server)
  let open = 0
  server.on('connection', (socket) => {
    if (socket.destroyed) return
    open++
    socket.on('close', () => open--)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  const dial = (from: string) =>
    new Promise<'open' | 'closed'>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port, localAddress: from })
      socket.on('error', () => {})
      socket.on('close', () => resolve('closed'))
      sockets.push(socket)
      // The server speaks where it keeps the connection.
      socket.on('data', () => resolve('open'))
    })
  server.on('connection', (socket) => socket.destroyed || socket.write('x'))
  const sockets: ReturnType<typeof connect>[] = []
  const results: string[] = []
  for (const from of ['127.0.0.1', '127.0.0.1', '127.0.0.1', '127.0.0.1', '127.0.0.2', '127.0.0.2'])
    results.push(await dial(from))
  expect(results).toEqual(['open', 'open', 'open', 'closed', 'open', 'closed'])
  for (const socket of sockets) socket.destroy()
  await expect.poll(() => open).toBe(0)
  expect(await dial('127.0.0.1')).toBe('open')
  for (const socket of sockets) socket.destroy()
  server.close()
})
