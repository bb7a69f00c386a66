import { connect as connectTcp } from 'node:net'
import { issueTlsCertificate, newTlsKey, tlsKeyHashOf } from '@cloister/attest/node/tls'
import { NodeClient, type NodeEngine } from '@cloister/executors'
import { connectPinned, MuxConnection } from '@cloister/transport'
import { bytesToHex, type Hex } from 'viem'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { type NodeDoor, openNodeDoor } from './door.ts'
import { NODE_PROTOCOL, type Peer } from './peer.ts'

const [own, managers, strangers] = [newTlsKey(), newTlsKey(), newTlsKey()]
const hashOf = (key: string): Hex => bytesToHex(tlsKeyHashOf(key))
let door: NodeDoor
let peer: Peer
/** What the chain says of the manager. */
let manager: () => Promise<Peer>
const asked: unknown[][] = []

beforeEach(async () => {
  peer = { tlsKeyHash: hashOf(managers), refusal: undefined, coveredMs: 3_600_000 }
  manager = async () => peer
  asked.length = 0
  // Only what these tests ask for.
  const engine = {
    leases: async () => ['0xab'],
    stop: async (...args: unknown[]) => void asked.push(args),
  } as unknown as NodeEngine
  door = await openNodeDoor({
    listen: { host: '127.0.0.1', port: 0 },
    identity: { key: own, cert: await issueTlsCertificate(own, { host: 'node' }) },
    engine,
    manager: () => manager(),
    log: () => {},
  })
})
afterEach(() => door.close())

/** Connects with a key, where one is given. */
async function connect(
  key: string | undefined,
  protocol = NODE_PROTOCOL,
  localAddress = '127.0.0.1',
): Promise<MuxConnection> {
  const cert = key && (await issueTlsCertificate(key, { host: 'manager' }))
  const shown = key && cert ? { key, cert } : {}
  const at = { host: '127.0.0.1', port: door.port, localAddress, ALPNProtocols: [protocol] }
  const socket = await connectPinned({ ...at, ...shown }, hashOf(own))
  return new MuxConnection(socket, { idleMs: 10_000 })
}

const ask = async (key: string | undefined) => {
  const mux = await connect(key)
  try {
    return await new NodeClient(async () => mux.open()).leases()
  } finally {
    mux.close(undefined)
  }
}

it('does what the manager asks, who holds the key that it attested', async () => {
  expect(await ask(managers)).toEqual(['0xab'])
  const mux = await connect(managers)
  const client = new NodeClient(async () => mux.open())
  await client.stop('0xab', 'web-0', 100)
  expect(asked).toEqual([['0xab', 'web-0', 100]])
  mux.close(undefined)
})

it('does nothing for whoever holds another key, or shows none', async () => {
  for (const key of [strangers, own, undefined]) await expect(ask(key)).rejects.toThrow()
  await expect(connect(managers, 'http/1.1')).rejects.toThrow()
  expect(asked).toEqual([])
})

it('does nothing for a manager that is not covered', async () => {
  peer = { ...peer, refusal: 'it is not attested now' }
  await expect(ask(managers)).rejects.toThrow()
})

it('does nothing more for a manager from when it is not covered', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'performance'] })
  try {
    const mux = await connect(managers)
    expect(await new NodeClient(async () => mux.open()).leases()).toEqual(['0xab'])
    const open = mux.open()
    const over = new Promise((resolve) => open.once('close', resolve))
    peer = { ...peer, refusal: 'it is not attested now' }
    await vi.advanceTimersByTimeAsync(5_000)
    await over
  } finally {
    vi.useRealTimers()
  }
})

it('lets nobody stay whom the chain says nothing of any more', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'performance'] })
  try {
    const mux = await connect(managers)
    expect(await new NodeClient(async () => mux.open()).leases()).toEqual(['0xab'])
    const open = mux.open()
    let isOver = false
    open.once('close', () => (isOver = true)).on('error', () => {})
    manager = () => Promise.reject(new Error('no chain'))
    // Signs of life need a moment, in which what was sent arrives.
    const pass = async (ms: number) => {
      for (let left = ms; left > 0; left -= 5_000) {
        await vi.advanceTimersByTimeAsync(5_000)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    await pass(40_000)
    expect([isOver, mux.isClosed]).toEqual([false, false])
    await pass(30_000)
    await expect.poll(() => mux.isClosed).toBe(true)
  } finally {
    vi.useRealTimers()
  }
})

it('has room for the manager however many strangers come, and asks the chain once for many', async () => {
  const silent = Array.from({ length: 100 }, () =>
    connectTcp({ host: '127.0.0.1', port: door.port, localAddress: '127.0.0.2' }).on('error', () => {}),
  )
  try {
    await expect.poll(() => silent.filter((socket) => !socket.destroyed).length).toBeLessThan(20)
    let questions = 0
    manager = async () => {
      questions++
      return peer
    }
    const strange = Array.from({ length: 8 }, () =>
      connect(strangers, NODE_PROTOCOL, '127.0.0.3').then(
        (mux) => new Promise((resolve) => mux.open().once('close', resolve).on('error', resolve)),
        () => {},
      ),
    )
    await Promise.all(strange)
    expect(questions).toBeLessThan(4)
    expect(await ask(managers)).toEqual(['0xab'])
  } finally {
    for (const socket of silent) socket.destroy()
  }
})
