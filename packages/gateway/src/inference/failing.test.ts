import { request } from 'node:http'
import { STATE_HEADER } from '@cloister/core'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { ASK, Asking, anew } from './asking.ts'
import { fakeEngine } from './testing.ts'

const asking = new Asking()

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
    await asking.raise(2)
    asking.worker(0).engine = engine
    for (let time = 0; time < 4; time++) expect(await asking.ask(anew())).toBe(1)
    // It is asked at most once while it is left alone.
    expect(asking.worker(0).asked.length).toBeLessThanOrEqual(1)
    // Node's parser reads what expects to be told to go on.
    const careful = await new Promise<number>((done) => {
      const outgoing = request(`${asking.stage.url}/v1/chat/completions`, {
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
    await asking.raise(2)
    asking.worker(0).engine = (_, __, response) => response.destroy()
    for (let time = 0; time < 3; time++) await asking.ask(anew())
    asking.worker(0).engine = fakeEngine('back')
    await expect.poll(() => asking.ask(anew()), { timeout: 5_000, interval: 100 }).toBe(0)
  })

  it('is told as its own word where there is no other, and never waited for', async () => {
    await asking.raise(1)
    const full = JSON.stringify({ error: { message: 'full' } })
    asking.worker(0).engine = (_, __, response) => response.writeHead(429, { 'retry-after': '2' }).end(full)
    const own = await asking.post(ASK)
    expect([own.status, own.headers.get('retry-after'), await own.text()]).toEqual([429, '2', full])
    const ours = await asking.post(ASK)
    expect([ours.status, ours.headers.get('retry-after')]).toEqual([429, '2'])
    expect(await ours.json()).toMatchObject({
      error: { type: 'rate_limit_error', code: 'engine_overloaded' },
    })
  })

  it('loses no request that hadn’t begun when its worker is killed under load', async () => {
    await asking.raise(3, {}, (workers) => {
      for (const one of workers) {
        const usual = one.engine
        one.engine = (incoming, body, response) => {
          setTimeout(() => usual(incoming, body, response), 20)
        }
      }
    })
    const client = new OpenAI({ baseURL: `${asking.stage.url}/v1`, apiKey: 'k', maxRetries: 0 })
    let done = 0
    const load = Array.from({ length: 12 }, async () => {
      const places: (string | null | undefined)[] = []
      for (let time = 0; time < 10; time++) {
        const { choices } = await client.chat.completions.create({
          model: 'tiny',
          ...anew(),
        })
        places.push(choices[0]?.message.content)
        done++
      }
      return places
    })
    await expect.poll(() => done, { interval: 5 }).toBeGreaterThan(20)
    const { server, asked } = asking.worker(1)
    server.closeAllConnections()
    server.close()
    const places = (await Promise.all(load)).flat()
    expect(places).toHaveLength(120)
    expect(asked.length).toBeGreaterThan(0)
    for (let time = 0; time < 6; time++) expect(await asking.ask(anew())).not.toBe(1)
  })

  it('is left where its worker says nothing any more', async () => {
    await asking.raise(2)
    asking.worker(0).engine = () => {}
    const waiting = Promise.all([asking.ask(anew()), asking.ask(anew())])
    await expect.poll(() => asking.stage.workers.reduce((sum, { asked }) => sum + asked.length, 0)).toBe(2)
    asking.worker(0).isSilent = true
    expect(await waiting).toEqual([1, 1])
  }, 30_000)
})
