import { mkdtemp, rm } from 'node:fs/promises'
import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROUTE_HEADER } from '@cloister/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { startGateway } from '../gateway.ts'

const TENANT = `0x${'11'.repeat(20)}`
const OTHER = `0x${'22'.repeat(20)}`
const idOf = (place: number) => `0x${String(place + 1).repeat(64)}`

/** A worker as far as a gateway sees one, which has one replica. */
interface FakeWorker {
  server: Server
  port: number
  isReady: boolean
  /** What it says in its own name in place of the service. */
  says: string | undefined
  /** It answers nothing at all, as one whose line is cut. */
  isSilent: boolean
  /** What the service answers with, and after how many milliseconds. */
  answers: { status: number; ms: number }
  served: number
  /** Times that it said it takes no requests. */
  refused: number
}

/** The gateway over an index and workers that are fakes: the real ones meet it in e2e. */
describe('a group at the gateway', () => {
  let folder: string
  let gateway: Awaited<ReturnType<typeof startGateway>>
  let index: Server
  const workers: FakeWorker[] = []
  const portOf = (server: Server) => (server.address() as AddressInfo).port
  const listen = (server: Server, port = 0) =>
    new Promise<Server>((done) => server.listen(port, '127.0.0.1', () => done(server)))

  const serve = (worker: FakeWorker, incoming: IncomingMessage, response: ServerResponse) => {
    if (worker.isSilent) return undefined
    const isAsked = incoming.url?.startsWith('/v1/leases/')
    if (isAsked && !worker.isReady) worker.refused++
    if (isAsked)
      return response.end(
        JSON.stringify([{ service: 'web', port: 80, protocol: 'http', label: 'web', ready: worker.isReady }]),
      )
    if (worker.says !== undefined)
      return response.writeHead(503, { 'cloister-state': worker.says }).end(worker.says)
    worker.served++
    incoming.resume()
    response.setHeader('set-cookie', ['a=1'])
    const { status, ms } = worker.answers
    const answer = () => response.writeHead(status).end(String(incoming.headers[ROUTE_HEADER]))
    return incoming.on('end', () => (ms > 0 ? setTimeout(answer, ms) : answer()))
  }
  const recordOf = (place: number, tenant = TENANT) => ({
    lease: idOf(place),
    shortId: idOf(place).slice(2, 18),
    wishedName: 'app',
    replica: place,
    ...(place === 0 && { name: 'app' }),
    state: 'open',
    tenant,
    worker: TENANT,
    provider: TENANT,
    token: TENANT,
    ratePerSecond: '1',
    deposit: '1',
    spent: '0',
    fee: '0',
    refund: '0',
    coveredSeconds: 0,
    manifestHash: idOf(0),
    openedAt: place,
    refused: false,
    endpoint: `http://127.0.0.1:${workers[place]?.port ?? 9}`,
    transaction: idOf(0),
  })

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-groups-'))
    for (let place = 0; place < 3; place++) {
      const answers = { status: 200, ms: 0 }
      const worker = {
        isReady: true,
        says: undefined,
        served: 0,
        refused: 0,
        answers,
      } as unknown as FakeWorker
      worker.server = await listen(createServer((incoming, response) => serve(worker, incoming, response)))
      worker.port = portOf(worker.server)
      new WebSocketServer({ server: worker.server }).on('connection', (socket) =>
        socket.send(`hello ${place}`),
      )
      workers.push(worker)
    }
    // The real index is tested in the indexer.
    index = await listen(
      createServer((incoming, response) => {
        const url = new URL(incoming.url ?? '/', 'http://index')
        const members = workers.map((_, place) => recordOf(place))
        const key = url.pathname.split('/').at(-1)
        const found =
          url.pathname === '/v1/leases'
            ? { items: url.searchParams.get('tenant') === TENANT ? members.reverse() : [recordOf(8, OTHER)] }
            : key === 'app'
              ? recordOf(0)
              : members.find(({ shortId, lease }) => shortId === key || lease === key)
        response
          .writeHead(found ? 200 : 404, { 'content-type': 'application/json' })
          .end(JSON.stringify(found ?? {}))
      }),
    )
    gateway = await startGateway({
      domain: 'localhost',
      host: '127.0.0.1',
      port: 0,
      indexerUrl: `http://127.0.0.1:${portOf(index)}`,
      development: { portsFile: join(folder, 'ports.json') },
      silenceMs: 20_000,
    })
  })

  afterAll(async () => {
    await gateway.stop()
    for (const { server } of [...workers, { server: index }]) {
      server.closeAllConnections()
      server.close()
    }
    await rm(folder, { recursive: true, force: true })
  })

  interface Answer {
    status: number | undefined
    /** The place of the replica that answered. */
    place: number
    cookies: string[]
  }
  const call = (options: object = {}, body?: string): Promise<Answer> =>
    new Promise((done, fail) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port: gateway.port,
          ...options,
          headers: { host: 'app.localhost', ...(options as { headers?: object }).headers },
        },
        (response) => {
          let text = ''
          response.on('data', (chunk) => (text += chunk))
          response.on('end', () => {
            const cookies = response.headers['set-cookie'] ?? []
            done({ status: response.statusCode, place: Number(text[2]) - 1, cookies })
          })
        },
      )
      outgoing.on('error', fail)
      outgoing.end(body)
    })
  const ours = ({ cookies }: Answer) =>
    cookies.find((cookie) => cookie.startsWith('cloister-replica='))?.split(';')[0] ?? ''
  const until = async (check: () => Promise<boolean>) => {
    for (let tries = 0; !(await check()); tries++) {
      if (tries > 100) throw new Error('waited in vain')
      await new Promise((done) => setTimeout(done, 50))
    }
  }
  const placesOf = async (times: number) => {
    const answers = await Promise.all(Array.from({ length: times }, () => call()))
    return new Set(answers.map(({ place }) => place))
  }

  beforeEach(async () => {
    const answers = { status: 200, ms: 0 }
    for (const worker of workers)
      Object.assign(worker, { isReady: true, isSilent: false, says: undefined, answers })
    await until(async () => (await placesOf(9)).size === 3)
  })

  it('has all of its members answer at its one address, and each at its own', async () => {
    expect(await placesOf(12)).toEqual(new Set([0, 1, 2]))
    const host = `${idOf(1).slice(2, 18)}-web.localhost`
    const own = await Promise.all([1, 2, 3].map(() => call({ headers: { host } })))
    expect(own.map(({ place, cookies }) => [place, cookies])).toEqual(Array(3).fill([1, ['a=1']]))
  })

  it('leads a client to the same member by a cookie that tells nothing', async () => {
    const first = await call()
    const cookie = ours(first)
    expect(first.cookies).toContain('a=1')
    expect(cookie).toMatch(/^cloister-replica=[\w-]{22}$/)
    expect(first.cookies.find((one) => one.startsWith(cookie))).toContain('HttpOnly; SameSite=Lax')
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let time = 0; time < 6; time++) {
      const again = await call({ agent, headers: { cookie: `x=y; ${cookie}` } })
      expect([again.place, again.cookies]).toEqual([first.place, ['a=1']])
    }
    agent.destroy()
    expect((await call({ headers: { cookie: `cloister-replica=${'A'.repeat(22)}` } })).status).toBe(200)
  })

  it('asks another member where a worker says that nothing was served, also of a client with a cookie', async () => {
    const first = await call()
    const worker = workers[first.place] as FakeWorker
    Object.assign(worker, { isReady: false, says: 'starting' })
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, at) => call(at % 2 ? { headers: { cookie: ours(first) } } : {})),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200))
    expect(answers.map(({ place }) => place)).not.toContain(first.place)
  })

  it('sends no body twice', async () => {
    for (const worker of workers.slice(1)) Object.assign(worker, { isReady: false })
    await until(async () => (await placesOf(4)).size === 1)
    Object.assign(workers[0] as FakeWorker, { says: 'starting' })
    const before = workers.map(({ served }) => served)
    expect((await call({ method: 'POST' }, 'body')).status).toBe(503)
    expect(workers.map(({ served }) => served)).toEqual(before)
  })

  it('asks another member once a worker is found to be silent, of what may be asked twice', async () => {
    const silent = workers[1] as FakeWorker
    silent.isSilent = true
    const before = workers.map(({ served }) => served)
    const post = new AbortController()
    const posts = Array.from({ length: 3 }, () =>
      call({ method: 'POST', signal: post.signal }, 'body').then(
        ({ place }) => place,
        () => 'none',
      ),
    )
    const answers = await Promise.all(Array.from({ length: 6 }, () => call()))
    expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(200))
    expect(new Set(answers.map(({ place }) => place))).toEqual(new Set([0, 2]))
    // One of three went to the silent worker, and to nobody else.
    post.abort()
    expect((await Promise.all(posts)).filter((place) => place === 'none')).toHaveLength(1)
    const served = workers.map((worker, place) => worker.served - (before[place] ?? 0))
    expect(served.reduce((sum, count) => sum + count, 0)).toBe(8)
  })

  it('goes on without a worker that is gone, and brings it back', async () => {
    const gone = workers[2] as FakeWorker
    const { port } = gone
    gone.server.closeAllConnections()
    await new Promise((done) => gone.server.close(done))
    await until(async () => !(await placesOf(6)).has(2))
    const answers = await Promise.all(Array.from({ length: 9 }, () => call()))
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    await listen(gone.server, port)
    await until(async () => (await placesOf(9)).has(2))
  })

  it.each([500, 503])(
    'sends little to a member that fails at once with %i, and keeps nobody there',
    async (status) => {
      const failing = workers[1] as FakeWorker
      for (const worker of workers)
        worker.answers = worker === failing ? { status, ms: 0 } : { status: 200, ms: 40 }
      const loops = Array.from({ length: 12 }, async () => {
        const answers: Answer[] = []
        for (let time = 0; time < 12; time++) answers.push(await call())
        return answers
      })
      const all = (await Promise.all(loops)).flat()
      const failed = all.filter((answer) => answer.status === status)
      // It would have nearly all of them, since it never has anything under way; a third is its share.
      expect(failed.length).toBeGreaterThan(0)
      expect(failed.length).toBeLessThan(all.length / 5)
      expect(failed.map(ours)).toEqual(failed.map(() => ''))
      expect(all.filter((answer) => answer.status === 200).every((answer) => ours(answer) !== '')).toBe(true)
      // Once its worker has said that it isn't ready and then that it is, it begins anew.
      const before = failing.refused
      failing.isReady = false
      await until(async () => (await call()).status === 200 && failing.refused > before)
    },
  )

  it('leads WebSockets to members', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}`, { headers: { host: 'app.localhost' } })
    const said = await new Promise((done, fail) => {
      socket.once('message', (data) => done(String(data)))
      socket.once('error', fail)
    })
    expect(said).toMatch(/^hello [012]$/)
    socket.terminate()
  })

  it('tells its one address', async () => {
    const text = await (await fetch(`http://127.0.0.1:${gateway.port}/v1/routes/app`)).json()
    expect(text).toEqual([
      {
        service: 'web',
        port: 80,
        protocol: 'http',
        url: `http://app.localhost:${gateway.port}`,
        loopbackUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      },
    ])
    const places = new Set<string>()
    const [{ loopbackUrl }] = text as [{ loopbackUrl: string }]
    for (let time = 0; time < 9; time++) places.add(await (await fetch(loopbackUrl)).text())
    expect(places.size).toBe(3)
  })
})
