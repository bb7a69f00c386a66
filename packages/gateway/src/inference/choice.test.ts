import { describe, expect, it } from 'vitest'
import { ASK, Asking, anew, placeOf } from './asking.ts'
import { type FakeWorker, fakeEngine, leaseIdOf } from './testing.ts'

const asking = new Asking()

describe('the choice of an endpoint', () => {
  it('goes by price, then by load, then in turn', async () => {
    await asking.raise(3, {}, (workers) => {
      ;(workers[2] as FakeWorker).prices = [10_000_000, 0, 20_000_000]
      for (const one of workers) one.options = { ...one.options, concurrency: 2 }
    })
    const places = await Promise.all([anew(), anew(), anew(), anew()].map((more) => asking.ask(more)))
    expect(places.toSorted()).toEqual([0, 0, 1, 1])
    // The dear one once the others have as many as their engines take at once.
    const held: (() => void)[] = []
    for (const one of asking.stage.workers.slice(0, 2))
      one.engine = (incoming, body, response) =>
        void held.push(() => fakeEngine('held')(incoming, body, response))
    const waiting = [anew(), anew(), anew(), anew()].map((more) => asking.ask(more))
    await expect.poll(() => held.length).toBe(4)
    expect(await asking.ask(anew())).toBe(2)
    for (const go of held) go()
    expect((await Promise.all(waiting)).toSorted()).toEqual([0, 0, 1, 1])
  })

  it('keeps a conversation where it was, as long as there is a free place', async () => {
    await asking.raise(3, {}, (workers) => {
      for (const one of workers) one.options = { ...one.options, concurrency: 1 }
    })
    const messages = [{ role: 'user', content: 'Once upon a time' }]
    const first = await asking.ask({ messages })
    const turns = [...messages, { role: 'assistant', content: 'there' }, { role: 'user', content: 'go on' }]
    for (let time = 0; time < 5; time++) expect(await asking.ask({ messages: turns })).toBe(first)
    let go = () => {}
    const usual = asking.worker(first).engine
    asking.worker(first).engine = (incoming, body, response) => {
      go = () => usual(incoming, body, response)
    }
    const before = asking.worker(first).asked.length
    const waiting = asking.ask({ messages: turns })
    await expect.poll(() => asking.worker(first).asked.length).toBe(before + 1)
    expect(await asking.ask({ messages: [...turns, ...turns] })).not.toBe(first)
    go()
    expect(await waiting).toBe(first)
  })

  it('goes by what the client wishes, which no engine sees', async () => {
    await asking.raise(3, {}, (workers) => {
      ;(workers[1] as FakeWorker).prices = [500_000, 0, 500_000]
      const { options } = workers[2] as FakeWorker
      ;(workers[2] as FakeWorker).options = {
        ...options,
        engine: { url: 'http://10.0.0.1' },
        weights: { digest: `sha256:${'7'.repeat(64)}` },
      }
    })
    const wished = (provider: object, headers?: Record<string, string>) =>
      asking.ask({ ...anew(), provider }, headers)
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
    const bodies = asking.stage.workers.flatMap(({ asked }) => asked.map(({ body }) => String(body)))
    expect(bodies.every((body) => !body.includes('provider'))).toBe(true)
    // Without wishes a body arrives byte for byte.
    const odd = '{ "messages":[ ] ,\n"model" : "tiny","temperature":1.0}'
    await placeOf(asking.post(odd))
    expect(asking.stage.workers.some(({ asked }) => String(asked.at(-1)?.body) === odd)).toBe(true)
  })

  it('takes no offer for an endpoint whose lease runs something else, or whose worker is away', async () => {
    await asking.raise(3, { inference: { images: [`sha256:${'1'.repeat(64)}`] } }, ([one, two, three]) => {
      if (!one || !two || !three) return
      one.claims = { ...one.options, contextLength: 100_000 }
      two.isCovered = false
      three.options = { ...three.options, door: `sha256:${'2'.repeat(64)}` }
    })
    expect(await asking.ask()).toBe(-404)
    expect(await (await fetch(`${asking.stage.url}/v1/models`)).json()).toEqual({ object: 'list', data: [] })
  })

  it('is the client’s where it names a lease, or has sealed the request for one', async () => {
    await asking.raise(2)
    expect(await asking.ask({}, { 'cloister-lease': leaseIdOf(1) })).toBe(1)
    expect(await asking.ask({}, { 'cloister-lease': leaseIdOf(0).toUpperCase().replace('X', 'x') })).toBe(0)
    expect(await asking.ask({}, { 'cloister-lease': leaseIdOf(7) })).toBe(-404)
    expect(await asking.ask({}, { 'cloister-lease': 'tiny' })).toBe(-400)
    const sealed = Buffer.from([0, 255, 1, 2, 3])
    asking.worker(1).engine = (_, body, response) =>
      response.setHeader('content-type', 'message/cloister-sealed-answer').end(body)
    const headers = { 'content-type': 'message/cloister-sealed', 'cloister-lease': leaseIdOf(1) }
    const answer = await asking.post(sealed, headers)
    expect(answer.headers.get('content-type')).toBe('message/cloister-sealed-answer')
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(sealed)
    expect(await placeOf(asking.post(sealed, { 'content-type': 'message/cloister-sealed' }))).toBe(-400)
    // Nobody else gets it.
    asking.worker(1).engine = (_, __, response) => response.writeHead(503).end('down')
    const before = asking.worker(0).asked.length
    const refused = await asking.post(sealed, headers)
    expect([refused.status, await refused.text(), asking.worker(0).asked.length]).toEqual([
      503,
      'down',
      before,
    ])
  })

  it('goes back to the endpoint that a payment is for', async () => {
    await asking.raise(3)
    const pay = (lease: string) =>
      Buffer.from(JSON.stringify({ x402Version: 2, accepted: { extra: { lease } } })).toString('base64')
    for (const place of [2, 0, 1])
      expect(await asking.ask(anew(), { 'payment-signature': pay(leaseIdOf(place)) })).toBe(place)
    for (const header of ['nonsense', Buffer.from('null').toString('base64'), 'e30=', '='.repeat(10_000)])
      expect(await asking.ask(anew(), { 'payment-signature': header })).toBeGreaterThanOrEqual(0)
  })

  it('goes back to the endpoint that asked to be paid, by the key that claims for it', async () => {
    await asking.raise(3)
    for (const [place, one] of asking.stage.workers.entries()) {
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
      const required = (await asking.post({ ...ASK, ...anew() })).headers.get('payment-required') ?? ''
      const { accepts } = JSON.parse(Buffer.from(required, 'base64').toString())
      const payment = Buffer.from(JSON.stringify({ accepted: accepts[0] })).toString('base64')
      // Another conversation, so that nothing else leads there.
      expect(await asking.ask(anew(), { 'payment-signature': payment })).toBeGreaterThanOrEqual(0)
    }
  })
})
