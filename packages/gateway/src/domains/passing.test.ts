import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, TLSSocket } from 'node:tls'
import { issueTlsCertificate, newTlsKey } from '@cloister/attest/node/tls'
import type { LeaseRecord } from '@cloister/core'
import { AddressLimits, type MuxStream, readProxyHeader } from '@cloister/transport'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { Groups } from '../groups/groups.ts'
import { UNOBSERVED } from '../observer.ts'
import { Passing } from './passing.ts'
import { Shares } from './shares.ts'

const DOMAIN = 'app.example.org'
const PLACES = [0, 1, 2]
const memberOf = (place: number) =>
  ({
    lease: `0x${String(place + 1).repeat(64)}`,
    tenant: '0xaa',
    wishedName: 'app',
    replica: place,
    state: 'open',
    worker: '0xbb',
    endpoint: `https://worker-${place}.example`,
  }) as unknown as LeaseRecord

let gateway: Server
/** Workers, which end the TLS of their containers and say which they are. */
const workers: { server: Server; isGone: boolean }[] = []
let groups: Groups
const shares = new Shares({ total: 36, share: 1 / 4 })
/** Workers keep connections. */
let isHolding = false
/** Addresses of clients, as the workers are told them. */
const told = new Map<number, Set<string>>()

async function listen(server: Server): Promise<Server> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}
const portOf = (server: Server) => (server.address() as AddressInfo).port
const placeOf = (lease: LeaseRecord) => lease.replica ?? 0

beforeAll(async () => {
  const key = newTlsKey()
  const cert = await issueTlsCertificate(key, { host: DOMAIN })
  for (const place of PLACES) {
    const server = createServer((socket) => void serve(place, socket, { key, cert }))
    workers.push({ server: await listen(server), isGone: false })
  }
  const limits = new AddressLimits({
    requestsPerSecond: 1_000,
    burst: 1_000,
    connectionsPerAddress: 1_000,
    connections: 1_000,
  })
  const passing = new Passing({
    finder: { find: async () => memberOf(0) },
    groups: { reached: (lease, wish) => groups.reached(lease, wish) },
    limits,
    shares,
    stream: async (target) => {
      const place = Number(/worker-(\d)/.exec(target)?.[1])
      // To whoever passes bytes on, a connection is as good as a stream of one.
      return connect(portOf(workers[place]?.server as Server), '127.0.0.1') as unknown as MuxStream
    },
    observer: UNOBSERVED,
  })
  gateway = await listen(createServer((socket) => passing.receive(socket, () => false)))
})
afterAll(() => {
  for (const { server } of [...workers, { server: gateway }]) server.close()
})
beforeEach(() => {
  told.clear()
  isHolding = false
  const members = PLACES.map(memberOf)
  for (const worker of workers) worker.isGone = false
  const isGone = (lease: LeaseRecord) => {
    if (workers[placeOf(lease)]?.isGone) throw new Error('nobody listens')
  }
  groups = new Groups({
    members: { find: async () => members, known: () => members },
    reach: async (lease) => isGone(lease),
    ask: async (lease) => {
      isGone(lease)
      return true
    },
  })
})

/** What a worker does with a connection for a domain: reads who it is from, then speaks TLS. */
async function serve(place: number, socket: Socket, identity: { key: string; cert: string }): Promise<void> {
  socket.on('error', () => socket.destroy())
  let bytes = Buffer.alloc(0)
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    bytes = Buffer.concat([bytes, chunk])
    const read = readProxyHeader(bytes)
    if (read.state === 'more') continue
    if (read.state !== 'read') return void socket.destroy()
    socket.pause()
    told.set(place, (told.get(place) ?? new Set()).add(read.header.client?.address ?? ''))
    socket.unshift(bytes.subarray(read.bytes))
    const secure = new TLSSocket(socket, { isServer: true, ...identity })
    secure.on('error', () => socket.destroy())
    if (isHolding) return
    return void secure.end(String(place))
  }
}

/** The place of the replica that a client of an address comes to. */
async function visit(address: string): Promise<number> {
  const socket = connectTls({
    host: '127.0.0.1',
    port: portOf(gateway),
    localAddress: address,
    servername: DOMAIN,
    rejectUnauthorized: false,
  } as ConnectionOptions)
  let text = ''
  for await (const chunk of socket) text += chunk
  return Number(text)
}

const CLIENTS = Array.from({ length: 24 }, (_, at) => `127.0.0.${at + 2}`)
const visitAll = () => Promise.all(CLIENTS.map(visit))

it('leads clients of a domain to all replicas of a group, each to the same one every time', async () => {
  const first = await visitAll()
  expect(new Set(first)).toEqual(new Set(PLACES))
  expect(await visitAll()).toEqual(first)
  for (const place of PLACES)
    expect(told.get(place)).toEqual(new Set(CLIENTS.filter((_, at) => first[at] === place)))
})

it('leads only those elsewhere whose replica is gone, and back once it is there', async () => {
  const before = await visitAll()
  const gone = workers[1] as (typeof workers)[number]
  gone.isGone = true
  const meanwhile = await visitAll()
  expect(meanwhile).not.toContain(1)
  expect(meanwhile.filter((place, at) => place !== before[at] && before[at] !== 1)).toEqual([])
  gone.isGone = false
  await expect.poll(visitAll, { interval: 300, timeout: 10_000 }).toEqual(before)
})

it('leads a client away that came while its replica was going, for nothing was sent yet', async () => {
  const address = CLIENTS[0] as string
  const place = await visit(address)
  ;(workers[place] as (typeof workers)[number]).isGone = true
  const others = await Promise.all([visit(address), visit(address), visit(address)])
  expect(new Set(others).size).toBe(1)
  expect(others).not.toContain(place)
})

/** A connection that is kept, unless it was ended before it was secure. */
async function hold(address: string): Promise<TLSSocket | undefined> {
  const socket = connectTls({
    host: '127.0.0.1',
    port: portOf(gateway),
    localAddress: address,
    servername: DOMAIN,
    rejectUnauthorized: false,
  } as ConnectionOptions)
  socket.on('error', () => {})
  const came = await new Promise((done) => {
    socket.once('secureConnect', () => done(true)).once('close', () => done(false))
  })
  return came ? socket : undefined
}

it('leaves room for others, however many addresses take all they can get', async () => {
  for (const worker of workers.slice(1)) worker.isGone = true
  isHolding = true
  const everyone: TLSSocket[] = []
  const take = async (address: string, times: number) => {
    let count = 0
    for (let time = 0; time < times; time++) {
      const socket = await hold(address)
      if (!socket) continue
      everyone.push(socket)
      count++
    }
    return count
  }
  const leave = async () => {
    for (const socket of everyone.splice(0)) socket.destroy()
    await expect.poll(() => shares.size).toBe(0)
  }
  // A quarter of what is left of 36 by then.
  expect(await take('127.0.1.1', 12)).toBe(8)
  const others: number[] = []
  for (let at = 2; at < 9; at++) others.push(await take(`127.0.1.${at}`, 9))
  expect(others).toEqual([6, 5, 4, 3, 2, 2, 2])
  expect(await take('127.0.2.1', 1)).toBe(1)
  await leave()
  expect(await take('127.0.1.1', 8)).toBe(8)
  await leave()
})
