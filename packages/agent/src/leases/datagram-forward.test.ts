import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { DatagramForward } from './datagram-forward.ts'

const open: Socket[] = []
const forwards: DatagramForward[] = []
afterEach(() => {
  for (const socket of open.splice(0)) socket.close()
  for (const forward of forwards.splice(0)) forward.close()
})

async function socket(address = '127.0.0.1'): Promise<Socket> {
  const made = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  open.push(made)
  made.bind(0, address)
  await once(made, 'listening')
  return made
}

/** A forward to a container that answers what `answer` says, and its port. */
async function started(answer: (datagram: Buffer) => Buffer | undefined, host = '127.0.0.1') {
  let flows = 0
  const forward = new DatagramForward(
    async (receive) => {
      flows++
      return {
        send: (datagram) => {
          const back = answer(datagram)
          if (back) receive(back)
        },
        close: () => void flows--,
      }
    },
    () => {},
  )
  const free = await socket()
  const { port } = free.address() as AddressInfo
  free.close()
  open.splice(open.indexOf(free), 1)
  forwards.push(forward)
  await forward.listen(host, port)
  return { forward, port, flows: () => flows }
}

test('each address outside gets the answers to its own datagrams, the first of them as well', async () => {
  const { port } = await started((datagram) => Buffer.from(`back ${datagram}`))
  for (const name of ['one', 'two']) {
    const client = await socket()
    client.send(name, port, '127.0.0.1')
    const [answer] = await once(client, 'message')
    expect(String(answer)).toBe(`back ${name}`)
  }
})

test('a port on :: is for both IPv6 and IPv4', async () => {
  const { port } = await started((datagram) => Buffer.from(`back ${datagram}`), '::')
  for (const address of ['::1', '127.0.0.1']) {
    const client = await socket(address)
    client.send(address, port, address)
    const [answer] = await once(client, 'message')
    expect(String(answer)).toBe(`back ${address}`)
  }
})

test('passages are bounded, and a flood of forged addresses does not end one that was answered', async () => {
  const { forward, port, flows } = await started((datagram) =>
    String(datagram) === 'known' ? datagram : undefined,
  )
  const known = await socket()
  known.send('known', port, '127.0.0.1')
  await once(known, 'message')
  for (let batch = 0; batch < 11; batch++) {
    const sockets = await Promise.all(
      Array.from({ length: 100 }, (_, index) => socket(`127.1.${batch}.${index + 1}`)),
    )
    for (const one of sockets) one.send('flood', port, '127.0.0.1')
    await vi.waitFor(() => expect(forward.size).toBe(Math.min(1_024, 1 + 100 * (batch + 1))))
    for (const one of sockets) one.close()
    for (const one of sockets) open.splice(open.indexOf(one), 1)
  }
  expect(flows()).toBeLessThanOrEqual(1_024)
  known.send('known', port, '127.0.0.1')
  expect(String((await once(known, 'message'))[0])).toBe('known')
})

test('a passage ends when it has been quiet, sooner where nobody answered', async () => {
  const { forward, port, flows } = await started((datagram) =>
    String(datagram) === 'known' ? datagram : undefined,
  )
  const [known, silent] = [await socket(), await socket()]
  known.send('known', port, '127.0.0.1')
  silent.send('silent', port, '127.0.0.1')
  await vi.waitFor(() => expect(forward.size).toBe(2))
  await vi.waitFor(() => expect(flows()).toBe(2))
  forward.sweep(Date.now() + 31_000)
  expect([forward.size, flows()]).toEqual([1, 1])
  forward.sweep(Date.now() + 121_000)
  expect([forward.size, flows()]).toEqual([0, 0])
})
