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
const asked: unknown[][] = []

beforeEach(async () => {
  peer = { tlsKeyHash: hashOf(managers), refusal: undefined }
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
    manager: async () => peer,
    log: () => {},
  })
})
afterEach(() => door.close())

/** Connects with a key, where one is given. */
async function connect(key: string | undefined, protocol = NODE_PROTOCOL): Promise<MuxConnection> {
  const cert = key && (await issueTlsCertificate(key, { host: 'manager' }))
  const shown = key && cert ? { key, cert } : {}
  const at = { host: '127.0.0.1', port: door.port, ALPNProtocols: [protocol] }
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

it('does nothing for a manager that is not covered, from when it is not', async () => {
  peer = { ...peer, refusal: 'it is not attested now' }
  await expect(ask(managers)).rejects.toThrow()
  peer = { ...peer, refusal: undefined }
  const mux = await connect(managers)
  expect(await new NodeClient(async () => mux.open()).leases()).toEqual(['0xab'])
  vi.useFakeTimers({ toFake: ['setInterval'] })
  try {
    const later = await connect(managers)
    expect(await new NodeClient(async () => later.open()).leases()).toEqual(['0xab'])
    const open = later.open()
    const over = new Promise((resolve) => open.once('close', resolve))
    peer = { ...peer, refusal: 'it is not attested now' }
    await vi.advanceTimersByTimeAsync(5_000)
    await over
  } finally {
    vi.useRealTimers()
    mux.close(undefined)
  }
})
