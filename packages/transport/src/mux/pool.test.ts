import { once } from 'node:events'
import { createServer } from 'node:http'
import { type Duplex, duplexPair } from 'node:stream'
import { afterEach, expect, it } from 'vitest'
import { readText } from '../body.ts'
import { DialAgent } from '../dial.ts'
import { fetchOver } from '../fetch.ts'
import { SERVER_OPTIONS, serveRequests, takeReader } from '../server.ts'
import { MuxConnection } from './connection.ts'
import { MUX_PROTOCOL } from './frame.ts'
import { MuxPool } from './pool.ts'
import type { MuxStream } from './stream.ts'

const pools: MuxPool[] = []
afterEach(() => {
  for (const pool of pools.splice(0)) pool.close()
})

/** A pool, and how often it connected to which target; `old` speaks no mux. */
function raise(accept: (stream: Duplex) => void) {
  const connected: string[] = []
  const wires: Duplex[] = []
  const pool = new MuxPool(async (target) => {
    connected.push(target)
    const [mine, its] = duplexPair()
    wires.push(its)
    if (target === 'away') throw new Error('nobody listens')
    if (target.startsWith('old')) accept(its)
    else new MuxConnection(its, { idleMs: 60_000, accept })
    return Object.assign(mine, { alpnProtocol: target.startsWith('old') ? 'http/1.1' : MUX_PROTOCOL })
  })
  pools.push(pool)
  return { pool, connected, wires }
}
const echo = (stream: Duplex) => void stream.pipe(stream)
async function said(stream: Duplex, text: string) {
  stream.end(text)
  return readText(stream, 10_000)
}

it('many at once share one connection, and targets share none', async () => {
  const { pool, connected } = raise(echo)
  const ask = async (target: string, index: number) => said(await pool.dial(target), `${target}${index}`)
  const targets = Array.from({ length: 40 }, (_, index) => (index % 2 ? 'a' : 'b'))
  expect(await Promise.all(targets.map(ask))).toEqual(targets.map((target, index) => `${target}${index}`))
  expect(connected.sort()).toEqual(['a', 'b'])
})

it('whoever does not speak the protocol is dialled for each, as before', async () => {
  const { pool, connected } = raise(echo)
  const dialled = await Promise.all([pool.dial('old'), pool.dial('old'), pool.dial('old')])
  expect(await Promise.all(dialled.map((stream) => said(stream, 'x')))).toEqual(['x', 'x', 'x'])
  expect(connected).toEqual(['old', 'old', 'old'])
})

it('a target that is away is told to everybody who waits for it, and asked again by the next', async () => {
  const { pool, connected } = raise(echo)
  const results = await Promise.allSettled([pool.dial('away'), pool.dial('away')])
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await expect(pool.dial('away')).rejects.toThrow('nobody listens')
  expect(connected.length).toBe(2)
})

it('what moves much is left alone on its connection, of which there are a few at most', async () => {
  const { pool, connected } = raise((stream) => void stream.resume())
  const large: MuxStream[] = []
  for (let index = 0; index < 8; index++) {
    const stream = (await pool.dial('a')) as MuxStream
    large.push(stream)
    stream.write(Buffer.alloc(2 * 1024 * 1024))
    await once(stream, 'drain')
    expect(stream.isLarge).toBe(true)
  }
  expect(connected.length).toBe(4)
  for (const stream of large) stream.destroy()
  await pool.dial('a')
  expect(connected.length).toBe(4)
})

it('a connection that ended is not used again', async () => {
  const { pool, connected, wires } = raise(echo)
  expect(await said(await pool.dial('a'), 'x')).toBe('x')
  wires[0]?.destroy()
  await expect.poll(() => pool.take('a')).toBeUndefined()
  expect(await said(await pool.dial('a'), 'x')).toBe('x')
  expect(connected.length).toBe(2)
})

it('HTTP goes over streams, which are kept between requests', async () => {
  const server = createServer(SERVER_OPTIONS)
  serveRequests(server, (request, response) => void response.end(String(request.url)))
  const read = takeReader(server, 'connection')
  let streams = 0
  const { pool, connected } = raise((stream) => {
    streams++
    read(stream)
  })
  const agent = new DialAgent((target) => pool.dial(target))
  for (let index = 0; index < 20; index++) {
    const answer = await fetchOver(agent, 'a', `http://a/${index}`, {})
    expect(await answer.text()).toBe(`/${index}`)
  }
  expect([connected.length, streams]).toEqual([1, 1])
  agent.destroy()
})
