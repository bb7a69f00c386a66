import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseManifest } from '@cloister/core'
import { writeProxyHeader } from '@cloister/transport'
import type { Hex } from 'viem'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Store } from '../store.ts'
import { Forwarding } from './forwarding.ts'

const LEASE: Hex = `0x${'1'.repeat(64)}`
const { manifest } = parseManifest(
  'services:\n  echo:\n    image: echo\n    ports: [{ target: 7000, app_protocol: tcp }]\n',
  { file: 'compose.yaml' },
)

/** A machine that is busy with other tests takes its time. */
const PATIENCE = { timeout: 20_000 }

let folder: string
let store: Store
let echo: Server
/** Somebody else's server, on the first port of the range. */
let other: Server
let range: { first: number; last: number }
const logged: string[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-forwarding-'))
  store = new Store(join(folder, 'store.db'))
  echo = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1')
  other = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  await Promise.all([once(echo, 'listening'), once(other, 'listening')])
  const { port } = other.address() as AddressInfo
  range = { first: port, last: Math.min(port + 20, 65_535) }
  logged.length = 0
})
afterEach(() => {
  echo.close()
  other.close()
  store.close()
  rmSync(folder, { recursive: true, force: true })
})

/** To a container that is a server of this test's. */
const connectToEcho = async () => connect((echo.address() as AddressInfo).port, '127.0.0.1')

function forwarding(connectTo = connectToEcho): Forwarding {
  return new Forwarding({
    executor: {
      connect: connectTo,
      datagrams: async (_lease, _container, port, receive) => ({
        send: (datagram) => receive(Buffer.from(`${port} ${datagram}`)),
        close: () => {},
      }),
    },
    store,
    range,
    host: '127.0.0.1',
    log: (_level, message) => void logged.push(message),
    ready: () => ['echo-0'],
  })
}

async function opened(some: Forwarding): Promise<number> {
  return vi.waitFor(() => some.of(LEASE)[0]?.workerPort ?? Promise.reject(new Error('no port is open')), {
    timeout: 20_000,
    interval: 10,
  })
}

async function answer(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write('there and back')
  const [data] = await once(socket, 'data')
  socket.destroy()
  return String(data)
}

test('a port that somebody else holds is passed over, and the one taken instead stays the lease’s', async () => {
  const first = forwarding()
  first.arrange(LEASE, manifest)
  const port = await opened(first)
  expect(port).not.toBe(range.first)
  expect(logged).toContain('a port can not be forwarded')
  expect(await answer(port)).toBe('there and back')
  first.endAll()
  expect(first.of(LEASE)).toEqual([])
  // The worker starts anew.
  const second = forwarding()
  second.arrange(LEASE, manifest)
  expect(await opened(second)).toBe(port)
  second.end(LEASE)
  await vi.waitFor(() => expect(answer(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' }))
})

test('an address that a tenant knows is waited for, as while the worker before lets go of it', async () => {
  store.portFor(LEASE, 'echo', 7000, range)
  const some = forwarding()
  some.arrange(LEASE, manifest)
  await vi.waitFor(() => expect(logged).toHaveLength(1))
  expect(some.of(LEASE)).toEqual([])
  other.close()
  expect(await opened(some)).toBe(range.first)
  some.endAll()
})

test('where no port is left it is tried again, until nobody wants it any more', async () => {
  range.last = range.first
  const some = forwarding()
  some.arrange(LEASE, manifest)
  await vi.waitFor(() => expect(logged).toHaveLength(2))
  expect(some.of(LEASE)).toEqual([])
  some.end(LEASE)
  expect(some.of(LEASE)).toEqual([])
})

test('a UDP port is lent like a TCP port, and beside one of the same number', async () => {
  const text =
    'services:\n  echo:\n    image: echo\n    ports: [{ target: 7000, app_protocol: tcp }, "7000:7000/udp"]\n'
  const some = forwarding()
  some.arrange(LEASE, parseManifest(text, { file: 'compose.yaml' }).manifest)
  await vi.waitFor(() => expect(some.of(LEASE)).toHaveLength(2))
  const { workerPort } = some.of(LEASE).find(({ protocol }) => protocol === 'udp') ?? { workerPort: 0 }
  const client = createSocket('udp4')
  client.send('hello', workerPort, '127.0.0.1')
  expect(String((await once(client, 'message'))[0])).toBe('7000 hello')
  client.close()
  some.endAll()
})

test('who hangs up before the container is reached leaves no connection to it behind', async () => {
  const { promise: hungUp, resolve: goOn } = Promise.withResolvers<void>()
  let asked = 0
  const reached: Socket[] = []
  const some = forwarding(async () => {
    asked++
    await hungUp
    const stream = await connectToEcho()
    await once(stream, 'connect')
    reached.push(stream)
    return stream
  })
  some.arrange(LEASE, manifest)
  const port = await opened(some)
  const hasty = [1, 2, 3].map(() => connect(port, '127.0.0.1'))
  await vi.waitFor(() => expect(asked).toBe(3), PATIENCE)
  const patient = connect(port, '127.0.0.1')
  await vi.waitFor(() => expect(asked).toBe(4), PATIENCE)
  for (const socket of hasty) socket.resetAndDestroy()
  // Somebody who comes and is answered later: by then the worker has heard of those before.
  const bystander = await connectToEcho()
  bystander.write('there and back')
  await once(bystander, 'data')
  bystander.destroy()
  goOn()
  await vi.waitFor(() => expect(reached.filter(({ destroyed }) => destroyed)).toHaveLength(3), PATIENCE)
  expect(reached).toHaveLength(4)
  patient.write('there and back')
  expect(String((await once(patient, 'data'))[0])).toBe('there and back')
  patient.destroy()
  await vi.waitFor(() => expect(reached.every(({ destroyed }) => destroyed)).toBe(true), PATIENCE)
  some.endAll()
})

test.each(['v1', 'v2'] as const)(
  'a container is told its clients’ addresses by PROXY %s, where its manifest asks for it',
  async (version) => {
    const asking = parseManifest(
      `services:\n  echo:\n    image: echo\n    ports: ["7000"]\n    x-proxy-protocol: ${version}\n`.replace(
        '"7000"',
        '{ target: 7000, app_protocol: tcp }',
      ),
      { file: 'compose.yaml' },
    ).manifest
    const ports = forwarding()
    ports.arrange(LEASE, asking)
    await vi.waitFor(() => expect(ports.of(LEASE)).toHaveLength(1), PATIENCE)
    const client = connect(ports.of(LEASE)[0]?.workerPort ?? 0, '127.0.0.1')
    await once(client, 'connect')
    const { localPort, remotePort } = client
    client.write('hello')
    let got = Buffer.alloc(0)
    while (!got.toString('latin1').endsWith('hello'))
      got = Buffer.concat([got, (await once(client, 'data'))[0]])
    client.destroy()
    const header = writeProxyHeader(
      version,
      { address: '127.0.0.1', port: localPort ?? 0 },
      { address: '127.0.0.1', port: remotePort ?? 0 },
    )
    expect(got).toEqual(Buffer.concat([header, Buffer.from('hello')]))
    ports.endAll()
  },
)
