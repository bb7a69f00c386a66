import { connect, constants } from 'node:http2'
import { connect as connectPlain } from 'node:net'
import { describe, expect, it } from 'vitest'
import { ASK, Asking, anew } from './asking.ts'
import { leaseIdOf } from './testing.ts'

const asking = new Asking()

describe('limits', () => {
  it('tell a key that asks too often when to come again, and no other key', async () => {
    await asking.raise(1, { inference: { keyLimits: { requestsPerMinute: 2, concurrent: 10 } } })
    const by = (key: string) => asking.post(ASK, { authorization: `Bearer ${key}` })
    expect((await Promise.all([by('one'), by('one')])).map(({ status }) => status)).toEqual([200, 200])
    const third = await by('one')
    expect([third.status, third.headers.get('retry-after')]).toEqual([429, '30'])
    expect(await third.json()).toMatchObject({
      error: { type: 'rate_limit_error', code: 'rate_limit_exceeded' },
    })
    expect((await by('two')).status).toBe(200)
    expect((await asking.post(ASK, { 'x-api-key': 'one' }, '/v1/messages')).status).toBe(429)
  })

  it('let a key have so many under way, and another once one has ended', async () => {
    await asking.raise(1, { inference: { keyLimits: { concurrent: 1 } } })
    let go = () => {}
    const usual = asking.worker(0).engine
    asking.worker(0).engine = (incoming, body, response) => {
      go = () => usual(incoming, body, response)
    }
    const leaving = new AbortController()
    const first = fetch(`${asking.stage.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify(ASK),
      signal: leaving.signal,
    }).catch(() => undefined)
    await expect.poll(() => asking.worker(0).asked.length).toBe(1)
    expect((await asking.post(ASK)).status).toBe(429)
    leaving.abort()
    await first
    const second = async () => {
      const answer = asking.post(ASK)
      await expect.poll(() => asking.worker(0).asked.length).toBe(2)
      go()
      return (await answer).status
    }
    await expect.poll(() => asking.worker(0).left).toBe(1)
    expect(await second()).toBe(200)
  })

  it('give a place back where the client left while its lease was looked up, over HTTP/2 too', async () => {
    await asking.raise(1, { inference: { keyLimits: { concurrent: 1 } } })
    asking.worker(0).isOffered = false
    const headers = { 'cloister-lease': leaseIdOf(0), authorization: 'Bearer a' }
    const body = JSON.stringify(ASK)
    const session = connect(asking.stage.url)
    for (let time = 0; time < 10; time++) {
      const stream = session.request({ ':method': 'POST', ':path': '/v1/chat/completions', ...headers })
      stream.on('error', () => {})
      stream.end(body)
      await new Promise((done) => setImmediate(done))
      stream.close(constants.NGHTTP2_CANCEL)
    }
    session.close()
    await expect.poll(async () => (await asking.post(ASK, headers)).status).toBe(200)
    for (let time = 0; time < 10; time++) {
      const socket = connectPlain(asking.stage.gateway.port, '127.0.0.1').on('error', () => {})
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
      const length = `content-length: ${body.length}\r\n`
      socket.write(`POST /v1/messages HTTP/1.1\r\nhost: localhost\r\n${lines.join('')}${length}\r\n${body}`)
      await new Promise((done) => setImmediate(done))
      socket.destroy()
    }
    await expect.poll(async () => (await asking.post(ASK, headers)).status).toBe(200)
  })

  it('tell that all are busy once they have twice what their engines take', async () => {
    await asking.raise(1, {}, ([one]) => {
      if (one) one.options = { ...one.options, concurrency: 1 }
    })
    const held: (() => void)[] = []
    const usual = asking.worker(0).engine
    asking.worker(0).engine = (incoming, body, response) =>
      void held.push(() => usual(incoming, body, response))
    const waiting = [asking.ask(anew()), asking.ask(anew())]
    await expect.poll(() => held.length).toBe(2)
    const answer = await asking.post(ASK)
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
    await asking.raise(1)
    const answer = await asking.post(body)
    expect(answer.status).toBe(status)
    expect(await answer.json()).toMatchObject({ error: { message } })
    expect(asking.worker(0).asked).toEqual([])
  })
})
