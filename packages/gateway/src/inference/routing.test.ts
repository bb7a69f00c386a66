import { request } from 'node:http'
import { connect, constants } from 'node:http2'
import { connect as connectPlain } from 'node:net'
import { STATE_HEADER } from '@cloister/core'
import OpenAI from 'openai'
import { afterEach, describe, expect, it } from 'vitest'
import type { GatewaySettings } from '../gateway.ts'
import { type FakeWorker, fakeEngine, leaseIdOf, listen, raiseStage, type Stage } from './testing.ts'

let stage: Stage
afterEach(() => stage.end())

async function raise(
  count: number,
  settings: Partial<GatewaySettings> = {},
  change?: (workers: FakeWorker[]) => void,
) {
  stage = await raiseStage(count, settings)
  change?.(stage.workers)
  return stage
}
const worker = (place: number) => stage.workers[place] as FakeWorker
const ASK = { model: 'tiny', messages: [{ role: 'user', content: 'Who are you?' }] }
const post = (body: unknown, headers: Record<string, string> = {}, path = '/v1/chat/completions') =>
  fetch(`${stage.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
  })
/** The place of the worker that answers; the status where none does. */
const placeOf = async (asked: Promise<Response>) => {
  const answer = await asked
  await answer.text()
  const { ok, status, headers } = answer
  return ok ? Number((headers.get('cloister-lease') ?? '')[2]) - 1 : -status
}
const ask = (more: object = {}, headers?: Record<string, string>) =>
  placeOf(post({ ...ASK, ...more }, headers))
/** A conversation that nobody had before. */
let number = 0
const anew = () => ({ messages: [{ role: 'user', content: `question ${number++}` }] })

describe('the choice of an endpoint', () => {
  it('goes by price, then by load, then in turn', async () => {
    await raise(3, {}, (workers) => {
      ;(workers[2] as FakeWorker).prices = [10_000_000, 0, 20_000_000]
      for (const one of workers) one.options = { ...one.options, concurrency: 2 }
    })
    const places = await Promise.all([anew(), anew(), anew(), anew()].map((more) => ask(more)))
    expect(places.toSorted()).toEqual([0, 0, 1, 1])
    // The dear one once the others have as many as their engines take at once.
    const held: (() => void)[] = []
    for (const one of stage.workers.slice(0, 2))
      one.engine = (incoming, body, response) =>
        void held.push(() => fakeEngine('held')(incoming, body, response))
    const waiting = [anew(), anew(), anew(), anew()].map((more) => ask(more))
    await expect.poll(() => held.length).toBe(4)
    expect(await ask(anew())).toBe(2)
    for (const go of held) go()
    expect((await Promise.all(waiting)).toSorted()).toEqual([0, 0, 1, 1])
  })

  it('keeps a conversation where it was, as long as there is a free place', async () => {
    await raise(3, {}, (workers) => {
      for (const one of workers) one.options = { ...one.options, concurrency: 1 }
    })
    const messages = [{ role: 'user', content: 'Once upon a time' }]
    const first = await ask({ messages })
    const turns = [...messages, { role: 'assistant', content: 'there' }, { role: 'user', content: 'go on' }]
    for (let time = 0; time < 5; time++) expect(await ask({ messages: turns })).toBe(first)
    let go = () => {}
    const usual = worker(first).engine
    worker(first).engine = (incoming, body, response) => {
      go = () => usual(incoming, body, response)
    }
    const before = worker(first).asked.length
    const waiting = ask({ messages: turns })
    await expect.poll(() => worker(first).asked.length).toBe(before + 1)
    expect(await ask({ messages: [...turns, ...turns] })).not.toBe(first)
    go()
    expect(await waiting).toBe(first)
  })

  it('goes by what the client wishes, which no engine sees', async () => {
    await raise(3, {}, (workers) => {
      ;(workers[1] as FakeWorker).prices = [500_000, 0, 500_000]
      const { options } = workers[2] as FakeWorker
      ;(workers[2] as FakeWorker).options = {
        ...options,
        engine: { url: 'http://10.0.0.1' },
        weights: { digest: `sha256:${'7'.repeat(64)}` },
      }
    })
    const wished = (provider: object, headers?: Record<string, string>) =>
      ask({ ...anew(), provider }, headers)
    const addressOf = (place: number) => `0x${String(place + 1).repeat(40)}`
    expect(await wished({ only: [addressOf(2)] })).toBe(2)
    expect(await wished({ order: [leaseIdOf(2), leaseIdOf(0)] })).toBe(2)
    expect(await wished({ ignore: [leaseIdOf(1), leaseIdOf(2).slice(2, 18)] })).toBe(0)
    expect(await wished({ sort: 'price' })).toBe(1)
    expect(await wished({ max_price: { prompt: 0.6, completion: '0.6' } })).toBe(1)
    expect(await wished({ order: [addressOf(1)], data_collection: 'deny' })).toBe(1)
    expect(await wished({ only: [addressOf(2)], data_collection: 'deny' })).toBe(-404)
    expect(await wished({}, { 'cloister-max-price': '0.6' })).toBe(1)
    expect(await wished({ max_price: { prompt: 5 } }, { 'cloister-max-price': '1/0.4' })).toBe(-404)
    expect(await wished({}, { 'cloister-weights': `sha256:${'7'.repeat(64)}` })).toBe(2)
    expect(await wished({ order: 'all' })).toBe(-400)
    expect(await wished({}, { 'cloister-max-price': 'cheap' })).toBe(-400)
    const bodies = stage.workers.flatMap(({ asked }) => asked.map(({ body }) => String(body)))
    expect(bodies.every((body) => !body.includes('provider'))).toBe(true)
    // Without wishes a body arrives byte for byte.
    const odd = '{ "messages":[ ] ,\n"model" : "tiny","temperature":1.0}'
    await placeOf(post(odd))
    expect(stage.workers.some(({ asked }) => String(asked.at(-1)?.body) === odd)).toBe(true)
  })

  it('takes no offer for an endpoint whose lease runs something else, or whose worker is away', async () => {
    await raise(3, { inference: { images: [`sha256:${'1'.repeat(64)}`] } }, ([one, two, three]) => {
      if (!one || !two || !three) return
      one.claims = { ...one.options, contextLength: 100_000 }
      two.isCovered = false
      three.options = { ...three.options, door: `sha256:${'2'.repeat(64)}` }
    })
    expect(await ask()).toBe(-404)
    expect(await (await fetch(`${stage.url}/v1/models`)).json()).toEqual({ object: 'list', data: [] })
  })

  it('is the client’s where it names a lease, or has sealed the request for one', async () => {
    await raise(2)
    expect(await ask({}, { 'cloister-lease': leaseIdOf(1) })).toBe(1)
    expect(await ask({}, { 'cloister-lease': leaseIdOf(0).toUpperCase().replace('X', 'x') })).toBe(0)
    expect(await ask({}, { 'cloister-lease': leaseIdOf(7) })).toBe(-404)
    expect(await ask({}, { 'cloister-lease': 'tiny' })).toBe(-400)
    const sealed = Buffer.from([0, 255, 1, 2, 3])
    worker(1).engine = (_, body, response) =>
      response.setHeader('content-type', 'message/cloister-sealed-answer').end(body)
    const headers = { 'content-type': 'message/cloister-sealed', 'cloister-lease': leaseIdOf(1) }
    const answer = await post(sealed, headers)
    expect(answer.headers.get('content-type')).toBe('message/cloister-sealed-answer')
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(sealed)
    expect(await placeOf(post(sealed, { 'content-type': 'message/cloister-sealed' }))).toBe(-400)
    // Nobody else gets it.
    worker(1).engine = (_, __, response) => response.writeHead(503).end('down')
    const before = worker(0).asked.length
    const refused = await post(sealed, headers)
    expect([refused.status, await refused.text(), worker(0).asked.length]).toEqual([503, 'down', before])
  })

  it('goes back to the endpoint that a payment is for', async () => {
    await raise(3)
    const pay = (lease: string) =>
      Buffer.from(JSON.stringify({ x402Version: 2, accepted: { extra: { lease } } })).toString('base64')
    for (const place of [2, 0, 1])
      expect(await ask(anew(), { 'payment-signature': pay(leaseIdOf(place)) })).toBe(place)
    for (const header of ['nonsense', Buffer.from('null').toString('base64'), 'e30=', '='.repeat(10_000)])
      expect(await ask(anew(), { 'payment-signature': header })).toBeGreaterThanOrEqual(0)
  })

  it('goes back to the endpoint that asked to be paid, by the key that claims for it', async () => {
    await raise(3)
    for (const [place, one] of stage.workers.entries()) {
      const usual = one.engine
      const terms = { extra: { receiverAuthorizer: `0x${'A'.repeat(39)}${place}` } }
      const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64')
      one.engine = (incoming, body, response) => {
        if (incoming.headers['payment-signature'] === encode({ accepted: terms }))
          return usual(incoming, body, response)
        const required = encode({ x402Version: 2, accepts: [terms] })
        return response.writeHead(402, { 'payment-required': required }).end()
      }
    }
    for (let time = 0; time < 6; time++) {
      const required = (await post({ ...ASK, ...anew() })).headers.get('payment-required') ?? ''
      const { accepts } = JSON.parse(Buffer.from(required, 'base64').toString())
      const payment = Buffer.from(JSON.stringify({ accepted: accepts[0] })).toString('base64')
      // Another conversation, so that nothing else leads there.
      expect(await ask(anew(), { 'payment-signature': payment })).toBeGreaterThanOrEqual(0)
    }
  })
})

describe('an endpoint that fails', () => {
  it.each([
    [
      'is busy',
      (_: unknown, __: unknown, response: import('node:http').ServerResponse) =>
        response.writeHead(429, { 'retry-after': '1' }).end('{}'),
    ],
    [
      'is down',
      (_: unknown, __: unknown, response: import('node:http').ServerResponse) =>
        response.writeHead(503).end('{}'),
    ],
    [
      'breaks off',
      (_: unknown, __: unknown, response: import('node:http').ServerResponse) => response.destroy(),
    ],
    [
      'is starting',
      (_: unknown, __: unknown, response: import('node:http').ServerResponse) =>
        response.writeHead(503, { [STATE_HEADER]: 'starting' }).end(),
    ],
  ] as const)('is left for another one where it %s, whoever reads the request', async (_, engine) => {
    await raise(2)
    worker(0).engine = engine
    for (let time = 0; time < 4; time++) expect(await ask(anew())).toBe(1)
    // It is asked at most once while it is left alone.
    expect(worker(0).asked.length).toBeLessThanOrEqual(1)
    // Node's parser reads what expects to be told to go on.
    const careful = await new Promise<number>((done) => {
      const outgoing = request(`${stage.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { expect: '100-continue', 'content-type': 'application/json' },
      })
      outgoing.on('response', (answer) => {
        answer.resume()
        done(answer.statusCode ?? 0)
      })
      outgoing.end(JSON.stringify({ ...ASK, ...anew() }))
    })
    expect(careful).toBe(200)
  })

  it('is asked again once its time is over', async () => {
    await raise(2)
    worker(0).engine = (_, __, response) => response.destroy()
    for (let time = 0; time < 3; time++) await ask(anew())
    worker(0).engine = fakeEngine('back')
    await expect.poll(() => ask(anew()), { timeout: 5_000, interval: 100 }).toBe(0)
  })

  it('is told as its own word where there is no other, and never waited for', async () => {
    await raise(1)
    const full = JSON.stringify({ error: { message: 'full' } })
    worker(0).engine = (_, __, response) => response.writeHead(429, { 'retry-after': '2' }).end(full)
    const own = await post(ASK)
    expect([own.status, own.headers.get('retry-after'), await own.text()]).toEqual([429, '2', full])
    const ours = await post(ASK)
    expect([ours.status, ours.headers.get('retry-after')]).toEqual([429, '2'])
    expect(await ours.json()).toMatchObject({
      error: { type: 'rate_limit_error', code: 'engine_overloaded' },
    })
  })

  it('loses no request that hadn’t begun when its worker is killed under load', async () => {
    await raise(3, {}, (workers) => {
      for (const one of workers) {
        const usual = one.engine
        one.engine = (incoming, body, response) => {
          setTimeout(() => usual(incoming, body, response), 20)
        }
      }
    })
    const client = new OpenAI({ baseURL: `${stage.url}/v1`, apiKey: 'k', maxRetries: 0 })
    let done = 0
    const load = Array.from({ length: 12 }, async () => {
      const places: (string | null | undefined)[] = []
      for (let time = 0; time < 10; time++) {
        const { choices } = await client.chat.completions.create({
          model: 'tiny',
          messages: [{ role: 'user', content: `question ${number++}` }],
        })
        places.push(choices[0]?.message.content)
        done++
      }
      return places
    })
    await expect.poll(() => done, { interval: 5 }).toBeGreaterThan(20)
    const { server, asked } = worker(1)
    server.closeAllConnections()
    server.close()
    const places = (await Promise.all(load)).flat()
    expect(places).toHaveLength(120)
    expect(asked.length).toBeGreaterThan(0)
    for (let time = 0; time < 6; time++) expect(await ask(anew())).not.toBe(1)
  })

  it('is left where its worker says nothing any more', async () => {
    await raise(2)
    worker(0).engine = () => {}
    const waiting = Promise.all([ask(anew()), ask(anew())])
    await expect.poll(() => stage.workers.reduce((sum, { asked }) => sum + asked.length, 0)).toBe(2)
    worker(0).isSilent = true
    expect(await waiting).toEqual([1, 1])
  }, 30_000)
})

describe('limits', () => {
  it('tell a key that asks too often when to come again, and no other key', async () => {
    await raise(1, { inference: { keyLimits: { requestsPerMinute: 2, concurrent: 10 } } })
    const by = (key: string) => post(ASK, { authorization: `Bearer ${key}` })
    expect((await Promise.all([by('one'), by('one')])).map(({ status }) => status)).toEqual([200, 200])
    const third = await by('one')
    expect([third.status, third.headers.get('retry-after')]).toEqual([429, '30'])
    expect(await third.json()).toMatchObject({
      error: { type: 'rate_limit_error', code: 'rate_limit_exceeded' },
    })
    expect((await by('two')).status).toBe(200)
    expect((await post(ASK, { 'x-api-key': 'one' }, '/v1/messages')).status).toBe(429)
  })

  it('let a key have so many under way, and another once one has ended', async () => {
    await raise(1, { inference: { keyLimits: { concurrent: 1 } } })
    let go = () => {}
    const usual = worker(0).engine
    worker(0).engine = (incoming, body, response) => {
      go = () => usual(incoming, body, response)
    }
    const leaving = new AbortController()
    const first = fetch(`${stage.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify(ASK),
      signal: leaving.signal,
    }).catch(() => undefined)
    await expect.poll(() => worker(0).asked.length).toBe(1)
    expect((await post(ASK)).status).toBe(429)
    leaving.abort()
    await first
    const second = async () => {
      const answer = post(ASK)
      await expect.poll(() => worker(0).asked.length).toBe(2)
      go()
      return (await answer).status
    }
    await expect.poll(() => worker(0).left).toBe(1)
    expect(await second()).toBe(200)
  })

  it('give a place back where the client left while its lease was looked up, over HTTP/2 too', async () => {
    await raise(1, { inference: { keyLimits: { concurrent: 1 } } })
    worker(0).isOffered = false
    const headers = { 'cloister-lease': leaseIdOf(0), authorization: 'Bearer a' }
    const body = JSON.stringify(ASK)
    const session = connect(stage.url)
    for (let time = 0; time < 10; time++) {
      const stream = session.request({ ':method': 'POST', ':path': '/v1/chat/completions', ...headers })
      stream.on('error', () => {})
      stream.end(body)
      await new Promise((done) => setImmediate(done))
      stream.close(constants.NGHTTP2_CANCEL)
    }
    session.close()
    await expect.poll(async () => (await post(ASK, headers)).status).toBe(200)
    for (let time = 0; time < 10; time++) {
      const socket = connectPlain(stage.gateway.port, '127.0.0.1').on('error', () => {})
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
      const length = `content-length: ${body.length}\r\n`
      socket.write(`POST /v1/messages HTTP/1.1\r\nhost: localhost\r\n${lines.join('')}${length}\r\n${body}`)
      await new Promise((done) => setImmediate(done))
      socket.destroy()
    }
    await expect.poll(async () => (await post(ASK, headers)).status).toBe(200)
  })

  it('tell that all are busy once they have twice what their engines take', async () => {
    await raise(1, {}, ([one]) => {
      if (one) one.options = { ...one.options, concurrency: 1 }
    })
    const held: (() => void)[] = []
    const usual = worker(0).engine
    worker(0).engine = (incoming, body, response) => void held.push(() => usual(incoming, body, response))
    const waiting = [ask(anew()), ask(anew())]
    await expect.poll(() => held.length).toBe(2)
    const answer = await post(ASK)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '1'])
    for (const go of held) go()
    expect(await Promise.all(waiting)).toEqual([0, 0])
  })

  it.each([
    ['{', 400, 'The body is not JSON.'],
    ['{"model":"tiny","model":"tiny"}', 400, 'The body has `model` twice.'],
    ['[]', 400, 'The body is not a JSON object.'],
    ['{"messages":[]}', 400, 'The body names no `model`.'],
    ['{"model":"tiny","provider":[}', 400, 'The body is not JSON.'],
    [`{"model":"tiny","x":"${'x'.repeat(4.2 * 1024 * 1024)}"}`, 413, 'A request has at most 4259840 bytes.'],
  ])('refuse %.40j with %i', async (body, status, message) => {
    await raise(1)
    const answer = await post(body)
    expect(answer.status).toBe(status)
    expect(await answer.json()).toMatchObject({ error: { message } })
    expect(worker(0).asked).toEqual([])
  })
})

describe('what else is asked', () => {
  it('is told by the endpoint that knows', async () => {
    await raise(2)
    worker(0).engine = (_, __, response) => response.writeHead(404).end('{}')
    const get = async (path: string, headers: Record<string, string> = {}) => {
      const answer = await fetch(`${stage.url}${path}`, { headers })
      return [answer.status, answer.headers.get('cloister-lease'), await answer.json()]
    }
    const known = (path: string) => [200, leaseIdOf(1), { path, name: 'worker 1' }]
    for (const path of [
      '/v1/signature/chatcmpl-1?signing_algo=ecdsa',
      '/v1/receipts/rcpt_22222222000000000000000000000000',
      '/v1/aci/receipts/rcpt_22222222000000000000000000000000',
      '/v1/attestation/report?model=tiny-1&nonce=00',
      '/v1/aci/attestation?model=tiny-1',
    ])
      expect(await get(path)).toEqual(known(path))
    expect(await get('/v1/endpoint', { 'cloister-lease': leaseIdOf(1) })).toEqual(known('/v1/endpoint'))
    expect((await get(`/v1/attestation?lease=${leaseIdOf(1)}`)).slice(0, 2)).toEqual([200, leaseIdOf(1)])
    for (const path of ['/v1/receipts/rcpt_99999999000000000000000000000000', '/v1/attestation?model=huge'])
      expect((await get(path)).slice(0, 2)).toEqual([404, null])
  })

  it('is found by a request’s id', async () => {
    await raise(3)
    const answer = await post(ASK, { 'x-request-id': 'mine.1' })
    await answer.text()
    expect(answer.headers.get('x-request-id')).toBe('mine.1')
    const signature = await fetch(`${stage.url}/v1/signature/mine.1`)
    expect(signature.headers.get('cloister-lease')).toBe(answer.headers.get('cloister-lease'))
  })

  it('may be asked by pages of every origin, whatever headers their client sends', async () => {
    await raise(1)
    const wanted = 'authorization,content-type,x-stainless-arch,x-stainless-retry-count'
    const preflight = await fetch(`${stage.url}/v1/chat/completions`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://app.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': wanted,
      },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
    expect(preflight.headers.get('access-control-allow-headers')).toBe(wanted)
    for (const answer of [await post(ASK), await post('{'), await fetch(`${stage.url}/v1/models`)]) {
      expect(answer.headers.get('access-control-allow-origin')).toBe('*')
      expect(answer.headers.get('access-control-expose-headers')).toContain('x-receipt-id')
      await answer.text()
    }
    await post(ASK, { cookie: 'session=1', origin: 'https://app.example', referer: 'https://app.example/1' })
    const seen = worker(0).asked.at(-1)?.headers ?? {}
    for (const name of ['cookie', 'origin', 'referer']) expect(seen[name]).toBeUndefined()
  })

  it('is answered over HTTP/2 too', async () => {
    await raise(2)
    worker(0).engine = (_, __, response) => response.destroy()
    const session = connect(stage.url)
    const answers = await Promise.all(
      [0, 1, 2, 3].map(
        () =>
          new Promise((done, fail) => {
            const stream = session.request({
              ':method': 'POST',
              ':path': '/v1/chat/completions',
              authorization: 'Bearer a',
            })
            let text = ''
            let head = {}
            stream.on('response', (headers) => (head = headers))
            stream.on('data', (piece) => (text += piece))
            stream.on('end', () => done({ head, text }))
            stream.on('error', fail)
            stream.end(JSON.stringify({ ...ASK, ...anew(), stream: true }))
          }),
      ),
    )
    for (const answer of answers)
      expect(answer).toMatchObject({
        head: { ':status': 200, 'cloister-lease': leaseIdOf(1), 'access-control-allow-origin': '*' },
        text: expect.stringContaining('[DONE]'),
      })
    session.close()
  })

  it('is refused by a wrong method, and left to others where it is no path of these', async () => {
    await raise(1)
    expect((await fetch(`${stage.url}/v1/chat/completions`)).status).toBe(405)
    expect((await fetch(`${stage.url}/v1/models`, { method: 'POST' })).status).toBe(405)
    expect((await fetch(`${stage.url}/v1/files`)).status).toBe(404)
    expect((await fetch(`${stage.url}/`)).status).toBe(200)
  })

  it('goes on while the index is away', async () => {
    await raise(1)
    expect(await ask()).toBe(0)
    stage.index.closeAllConnections()
    await new Promise((done) => stage.index.close(done))
    expect(await ask()).toBe(0)
    await stage.gateway.stop()
    await listen(stage.index)
  })
})
