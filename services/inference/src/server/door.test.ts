import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { textOf, utf8 } from '@cloister/core'
import { sealQuestion } from '@cloister/secrets'
import { hexToBytes } from 'viem'
import { afterEach, describe, expect, it } from 'vitest'
import {
  LEASE_HEADER,
  MAX_SENT_AGE_MS,
  SEALED_ANSWER_TYPE,
  SEALED_TYPE,
  SENT_HEADER,
  sealedContext,
} from '../protocol/constants.ts'
import { Attestation, attestationData } from '../protocol/endpoint.ts'
import { checkReceipt, evidenceDigest, InferenceReceipt } from '../protocol/receipt.ts'
import { decodeAnswer, encodeQuestion } from '../protocol/sealed-head.ts'
import { fakeAgent, startTestDoor, type TestDoor, testOptions } from '../testing/index.ts'

const open: TestDoor[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})
async function door(...given: Parameters<typeof startTestDoor>): Promise<TestDoor> {
  const started = await startTestDoor(...given)
  open.push(started)
  return started
}
const sha256 = (bytes: string | Uint8Array) => `0x${createHash('sha256').update(bytes).digest('hex')}`
const chat = (content: string, more: object = {}) =>
  JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content }], ...more })
function post(
  url: string,
  body: string | Uint8Array<ArrayBuffer>,
  path = '/v1/chat/completions',
  headers = {},
) {
  return fetch(url + path, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  })
}
/** What tests look at of an answer. */
interface Shown {
  error?: { type: string; code: string; message: string }
  code?: string
  worker?: string
  context_length?: number
  data?: { id: string }[]
}
async function jsonOf(response: Response): Promise<Shown> {
  return (await response.json()) as Shown
}
async function receiptOf(url: string, response: Response): Promise<InferenceReceipt> {
  const id = response.headers.get('x-receipt-id')
  return InferenceReceipt.parse(await (await fetch(`${url}/v1/receipts/${id}`)).json())
}
async function isGood({ agent }: TestDoor, receipt: InferenceReceipt): Promise<boolean> {
  const { chainId, contracts } = agent.self.network
  return (await checkReceipt(receipt, { chainId, workers: contracts.workers })).ok
}

describe('an answer', () => {
  it('passes as the engine gave it, with a receipt over the bytes that were sent both ways', async () => {
    const started = await door()
    const body = chat('capital of France?')
    const response = await post(started.url, body)
    const text = await response.text()
    expect(JSON.parse(text).choices[0].message.content).toBe('Paris is the capital of France.')
    const receipt = await receiptOf(started.url, response)
    expect(await isGood(started, receipt)).toBe(true)
    expect(receipt).toMatchObject({
      details: {
        lease: started.agent.self.lease,
        model: 'tiny',
        weights: testOptions().weights?.digest,
        endpoint: '/v1/chat/completions',
        request: sha256(body),
        response: sha256(text),
        requestSealed: null,
        status: 200,
        outcome: 'complete',
      },
      charge: { input: '12', cached: '4', output: '7', amount: '0' },
      signed: { worker: started.agent.worker.address },
    })
    expect(response.headers.get(LEASE_HEADER)).toBe(started.agent.self.lease)
    expect(response.headers.get('x-request-id')).toMatch(/^req_/)
  })

  it.each([
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'hi' }] }],
    ['/v1/completions', { prompt: 'hi' }],
    ['/v1/responses', { input: 'hi' }],
    ['/v1/messages', { messages: [{ role: 'user', content: 'hi' }], max_tokens: 20 }],
  ])(
    'of %s that streams passes event by event, and its receipt is over the framing too',
    async (path, body) => {
      const started = await door({ engine: { pieceMs: 1 } })
      const response = await post(started.url, JSON.stringify({ model: 'tiny', stream: true, ...body }), path)
      expect(response.headers.get('x-receipt-id')).toMatch(/^rcpt_/)
      const text = await response.text()
      // Nobody asked for the usage: the engine was asked, and what it said was taken out.
      expect(text.includes('"prompt_tokens"')).toBe(false)
      expect(text.trimEnd().split('\n').at(-1)).toMatch(/\[DONE\]|response\.completed|message_stop/)
      const receipt = await receiptOf(started.url, response)
      expect(receipt.details).toMatchObject({ response: sha256(text), outcome: 'complete' })
      expect(receipt.charge).toMatchObject({ input: '12', cached: '4', output: '7' })
    },
  )

  it('keeps the usage of a stream for whoever asks for it', async () => {
    const { url, engine } = await door()
    const text = await (
      await post(url, chat('hi', { stream: true, stream_options: { include_usage: true } }))
    ).text()
    expect(text).toContain('"prompt_tokens":12')
    await (
      await post(url, chat('hi', { stream: true, stream_options: { include_obfuscation: false } }))
    ).text()
    expect(engine.requests[1]?.body['stream_options']).toEqual({
      include_obfuscation: false,
      include_usage: true,
    })
  })

  it('reaches the engine as the bytes that came, without what is the door’s own business', async () => {
    const { url, engine } = await door()
    await post(url, chat('hi', { odd: { deep: [1] } }), undefined, {
      authorization: 'Bearer secret',
      'x-api-key': 'secret',
      cookie: 'a=b',
    })
    expect(engine.requests[0]?.body['odd']).toEqual({ deep: [1] })
    const { headers } = engine.requests[0] ?? {}
    expect([headers?.authorization, headers?.['x-api-key'], headers?.cookie]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })
})

describe('what goes wrong', () => {
  it('is said in the form of the API that was asked', async () => {
    const { url } = await door()
    const unknown = await post(url, JSON.stringify({ model: 'gpt-9', messages: [] }))
    expect([unknown.status, await unknown.json()]).toEqual([
      404,
      {
        error: {
          message: 'The model "gpt-9" is not served here.',
          type: 'invalid_request_error',
          code: 'model_not_found',
          param: 'model',
        },
      },
    ])
    const anthropic = await post(url, JSON.stringify({ model: 'gpt-9', messages: [] }), '/v1/messages')
    expect([anthropic.status, await anthropic.json()]).toMatchObject([
      404,
      { type: 'error', error: { type: 'not_found_error' } },
    ])
    expect((await post(url, 'no json')).status).toBe(400)
    expect((await post(url, '[]')).status).toBe(400)
    expect((await post(url, '{}')).status).toBe(400)
    expect((await post(url, chat('hi'), '/v1/audio/speech')).status).toBe(404)
    expect((await fetch(`${url}/v1/nothing`)).status).toBe(404)
    expect((await post(url, chat('hi', { n: 1_000 }))).status).toBe(400)
  })

  it('with the engine before it began is an error; what it says against a request passes', async () => {
    const { url, engine } = await door()
    const failed = await post(url, chat('please fail'))
    expect([failed.status, (await jsonOf(failed)).error?.type]).toEqual([502, 'server_error'])
    const refused = await post(url, chat('please refuse'))
    expect([refused.status, (await jsonOf(refused)).error?.message]).toEqual([400, 'no such grammar'])
    await engine.close()
    const gone = await post(url, chat('hi'))
    expect([gone.status, (await jsonOf(gone)).error?.code]).toEqual([503, 'unreachable'])
  })

  it.each(['die', 'stall'])(
    'in mid-stream (%s) ends it with an error of the API’s, and costs nothing',
    async (how) => {
      const started = await door({ limits: { answerMs: 5_000, silenceMs: 300 } })
      const response = await post(started.url, chat(`please ${how}`, { stream: true }))
      const text = await response.text()
      expect(text).toContain('"content":" is"')
      expect(JSON.parse(text.trimEnd().split('\n').at(-1)?.slice(6) ?? '')).toMatchObject({
        error: { code: 'engine-failed' },
      })
      const receipt = await receiptOf(started.url, response)
      expect(receipt.details).toMatchObject({ outcome: 'failed', response: sha256(text) })
      expect(receipt.charge).toMatchObject({ input: '0', output: '0' })
    },
  )

  it('by taking too long is broken off', async () => {
    const { url, engine } = await door({ limits: { answerMs: 200, silenceMs: 200 } })
    const response = await post(url, chat('please hang'))
    expect(response.status).toBe(503)
    await expect.poll(() => engine.brokenOff).toBe(1)
  })

  it('of many large requests at once is that there is no room, and small ones are answered', async () => {
    const { url } = await door()
    const uploads = Array.from({ length: 20 }, () => {
      const upload = request(`${url}/v1/chat/completions`, { method: 'POST' })
      const status = new Promise<number>((answered) => {
        upload.once('response', ({ statusCode = 0 }) => answered(statusCode))
        upload.on('error', () => answered(0))
      })
      upload.write(Buffer.alloc(3 * 1024 * 1024, 0x20))
      return { upload, status }
    })
    // Sixteen have room; the others are told so, or have their line closed on them.
    expect([503, 0]).toContain(await Promise.race(uploads.map(({ status }) => status)))
    expect((await post(url, chat('hi'))).status).toBe(200)
    for (const { upload } of uploads) upload.destroy()
    const large = chat('hi') + ' '.repeat(3 * 1024 * 1024)
    await expect.poll(async () => (await post(url, large)).status, { timeout: 10_000 }).toBe(200)
  }, 30_000)

  it('that a client brings about, by reading nothing or asking for too much, is paid for', async () => {
    const { url } = await door({ limits: { answerMs: 60_000, silenceMs: 1_500 } })
    const unread = await post(url, chat('please flood', { stream: true }))
    await expect
      .poll(async () => (await receiptOf(url, unread)).details.outcome, { timeout: 25_000 })
      .toBe('cancelled')
    expect(Number((await receiptOf(url, unread)).charge.output)).toBeGreaterThan(5)
    await unread.body?.cancel()

    const { url: other } = await door({ limits: { answerMs: 300, silenceMs: 60_000 } })
    const late = await post(other, chat('please flood', { stream: true }))
    const text = await late.text()
    expect(text.slice(-200)).toContain('took longer than it may')
    const receipt = await receiptOf(other, late)
    expect(receipt.details).toMatchObject({ outcome: 'failed', response: sha256(text) })
    expect(Number(receipt.charge.output)).toBeGreaterThan(5)
  }, 40_000)

  it('by being too large is refused before it is read', async () => {
    const { url } = await door()
    const huge = await post(url, `"${'x'.repeat(5 * 1024 * 1024)}"`)
    expect([huge.status, (await jsonOf(huge)).error?.code]).toEqual([413, 'too-large'])
  })
})

it('the engine is told when whoever asked leaves, and what was said by then has a receipt', async () => {
  const started = await door({ engine: { pieceMs: 50 } })
  const leaving = new AbortController()
  const response = await fetch(`${started.url}/v1/chat/completions`, {
    method: 'POST',
    body: chat('capital of France, please tell me all about it', { stream: true }),
    signal: leaving.signal,
  })
  const reader = response.body?.getReader()
  await reader?.read()
  await reader?.read()
  leaving.abort()
  await expect.poll(() => started.engine.brokenOff).toBe(1)
  const receipt = await receiptOf(started.url, response)
  expect(receipt.details.outcome).toBe('cancelled')
  expect(Number(receipt.charge.output)).toBeGreaterThanOrEqual(1)
  expect(Number(receipt.charge.input)).toBeGreaterThan(0)
  expect(await isGood(started, receipt)).toBe(true)
})

it('as many requests as the engine takes are at it, as many wait, and more are told when to come again', async () => {
  const { url, engine } = await door({ options: testOptions({ concurrency: 2 }), engine: { delayMs: 300 } })
  const answers = await Promise.all(Array.from({ length: 6 }, () => post(url, chat('hi'))))
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 200, 200, 429, 429])
  const [busy] = answers.filter(({ status }) => status === 429) as [Response]
  expect(Number(busy.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  expect((await jsonOf(busy)).error?.type).toBe('rate_limit_error')
  expect(engine.requests).toHaveLength(4)
  expect((await post(url, chat('hi'))).status).toBe(200)
})

it('a private endpoint answers whoever has its token, in either header', async () => {
  const { url } = await door({ options: testOptions({ tokenHash: sha256('let me in') }) })
  expect((await post(url, chat('hi'))).status).toBe(401)
  expect((await post(url, chat('hi'), undefined, { authorization: 'Bearer let' })).status).toBe(401)
  const quoted = { authorization: `Bearer ${encodeURIComponent('let me in')}` }
  expect((await post(url, chat('hi'), undefined, quoted)).status).toBe(401)
  const { url: other } = await door({ options: testOptions({ tokenHash: sha256('let-me-in') }) })
  expect((await post(other, chat('hi'), undefined, { authorization: 'Bearer let-me-in' })).status).toBe(200)
  expect((await post(other, chat('hi'), undefined, { 'x-api-key': 'let-me-in' })).status).toBe(200)
})

describe('a sealed request', () => {
  const headersAt = (ms: number) => ({ 'content-type': 'application/json', [SENT_HEADER]: String(ms) })

  async function askSealed({ url, agent, door: { endpoint } }: TestDoor, body: string, head: object = {}) {
    const question = encodeQuestion(
      { method: 'POST', path: '/v1/chat/completions', headers: headersAt(Date.now()), ...head },
      utf8(body),
    )
    const key = hexToBytes(endpoint().sealingKey)
    const asked = await sealQuestion(key, question, sealedContext(agent.self.lease))
    return { ...asked, ...(await send(url, asked)) }
  }

  async function send(url: string, asked: Awaited<ReturnType<typeof sealQuestion>>) {
    const response = await post(url, asked.sealed, undefined, { 'content-type': SEALED_TYPE })
    const wire = new Uint8Array(await response.arrayBuffer())
    async function* pieces() {
      yield wire
    }
    const answer = await decodeAnswer(asked.openAnswer(pieces()))
    let text = ''
    for await (const piece of answer.body) text += textOf(piece)
    return { response, wire, head: answer.head, text }
  }

  it.each([false, true])('is answered sealed, status and headers inside (stream: %s)', async (stream) => {
    const started = await door()
    const body = chat('capital of France?', { stream })
    const { sealed, response, wire, head, text } = await askSealed(started, body)
    expect([response.status, response.headers.get('content-type')]).toEqual([200, SEALED_ANSWER_TYPE])
    expect(response.headers.get('x-receipt-id')).toBe(null)
    expect(Buffer.from(wire).includes('Paris')).toBe(false)
    expect(head.status).toBe(200)
    expect(text).toContain('Paris')
    const id = head.headers['x-receipt-id']
    const receipt = InferenceReceipt.parse(await (await fetch(`${started.url}/v1/receipts/${id}`)).json())
    expect(receipt.details).toMatchObject({
      request: sha256(body),
      requestSealed: sha256(sealed),
      response: sha256(text),
      responseSealed: sha256(wire),
    })
    expect(await isGood(started, receipt)).toBe(true)
  })

  it('that goes wrong inside is told so sealed', async () => {
    const started = await door()
    const { head, text } = await askSealed(started, JSON.stringify({ model: 'gpt-9' }))
    expect([head.status, JSON.parse(text).error.code]).toEqual([404, 'model_not_found'])
    expect((await askSealed(started, chat('hi'), { path: '/v1/models' })).head.status).toBe(404)
    expect((await askSealed(started, chat('hi'), { method: 'GET' })).head.status).toBe(400)
  })

  it('is answered and charged once, whoever hands it on again, and not long after it was sealed', async () => {
    const started = await door()
    const asked = await askSealed(started, chat('hi'))
    expect(asked.head.status).toBe(200)
    const again = await send(started.url, asked)
    expect([again.head.status, JSON.parse(again.text).error.code]).toEqual([401, 'repeated'])
    for (const age of [MAX_SENT_AGE_MS + 5_000, -MAX_SENT_AGE_MS - 5_000]) {
      const old = await askSealed(started, chat('hi'), { headers: headersAt(Date.now() - age) })
      expect([old.head.status, JSON.parse(old.text).error.code]).toEqual([409, 'stale'])
    }
    expect((await askSealed(started, chat('hi'), { headers: {} })).head.status).toBe(409)
    expect(started.engine.requests).toHaveLength(1)
  })

  it('to another key, or for another lease, gets a problem that says so', async () => {
    const started = await door()
    const other = await door()
    const question = encodeQuestion(
      { method: 'POST', path: '/v1/chat/completions', headers: headersAt(Date.now()) },
      utf8(chat('hi')),
    )
    for (const [key, lease] of [
      [other.door.endpoint().sealingKey, started.agent.self.lease],
      [started.door.endpoint().sealingKey, other.agent.self.lease],
    ] as const) {
      const { sealed } = await sealQuestion(hexToBytes(key), question, sealedContext(lease))
      const response = await post(started.url, sealed, undefined, { 'content-type': SEALED_TYPE })
      expect([response.status, (await jsonOf(response)).code]).toEqual([422, 'key-changed'])
    }
    expect(started.engine.requests).toHaveLength(0)
  })
})

describe('the door tells', () => {
  it('who it is, and has its worker quote that', async () => {
    const { url, agent, door: running } = await door()
    const endpoint = await jsonOf(await fetch(`${url}/v1/endpoint`))
    expect(endpoint).toEqual(running.endpoint())
    const nonce = `0x${'ab'.repeat(32)}` as const
    const shown = await jsonOf(await fetch(`${url}/v1/attestation?nonce=${nonce}`))
    expect(shown).toMatchObject({ ...endpoint, nonce })
    expect(agent.quoted.at(-1)).toBe(attestationData({ ...running.endpoint(), nonce }))
    expect((await fetch(`${url}/v1/attestation?nonce=1`)).status).toBe(400)
  })

  it('its evidence, to so many at a time, and all else meanwhile', async () => {
    const agent = fakeAgent()
    let atOnce = 0
    let most = 0
    const quote = agent.quote.bind(agent)
    agent.quote = async (data) => {
      most = Math.max(most, ++atOnce)
      await new Promise((done) => setTimeout(done, 300))
      atOnce--
      return quote(data)
    }
    const { url } = await door({ agent })
    const nonce = `0x${'5'.repeat(64)}`
    const asked = Array.from({ length: 20 }, () => fetch(`${url}/v1/attestation?nonce=${nonce}`))
    expect((await post(url, chat('hi'))).status).toBe(200)
    const statuses = new Set((await Promise.all(asked)).map(({ status }) => status))
    expect(statuses).toEqual(new Set([200, 429]))
    expect(most).toBe(4)
  })

  it('which evidence a receipt names', async () => {
    const started = await door()
    await expect.poll(() => started.agent.quoted.length).toBeGreaterThan(0)
    const receipt = await receiptOf(started.url, await post(started.url, chat('hi')))
    const shown = await jsonOf(await fetch(`${started.url}/v1/evidence/${receipt.details.evidence}`))
    expect(evidenceDigest(shown)).toBe(receipt.details.evidence)
    expect(Attestation.shape.evidence.shape.worker.parse(shown.worker)).toBe(started.agent.worker.address)
  })

  it('its models, its metrics and that it lives', async () => {
    const { url } = await door({ options: testOptions({ aliases: ['small'] }) })
    await post(url, chat('hi'))
    const { data } = await jsonOf(await fetch(`${url}/v1/models`))
    expect(data?.map(({ id }) => id)).toEqual(['tiny', 'small'])
    expect((await jsonOf(await fetch(`${url}/v1/models/small`))).context_length).toBe(512)
    expect((await fetch(`${url}/v1/models/large`)).status).toBe(404)
    expect((await fetch(`${url}/v1/models/%`)).status).toBe(404)
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics).toContain('cloister_inference_requests_total{outcome="complete"} 1')
    expect(metrics).toContain('cloister_inference_tokens_total{kind="output"} 7')
    expect((await fetch(`${url}/health`)).status).toBe(200)
  })

  it('nobody what was asked or answered', async () => {
    const { url, lines } = await door()
    await post(url, chat('my secret'))
    await post(url, chat('my secret: please fail'))
    const pages = await Promise.all(
      ['/metrics', '/v1/endpoint', '/v1/models'].map(async (path) => (await fetch(url + path)).text()),
    )
    expect([...lines, ...pages].join('\n')).not.toMatch(/my secret|capital of France/)
  })
})

it('a page of any origin may ask', async () => {
  const { url } = await door()
  const { port } = new URL(url)
  const outgoing = request({
    port,
    method: 'OPTIONS',
    path: '/v1/chat/completions',
    headers: { origin: 'https://a.example', 'access-control-request-headers': 'x-stainless-os' },
  }).end()
  const [response] = await once(outgoing, 'response')
  response.resume()
  expect([response.statusCode, response.headers['access-control-allow-headers']]).toEqual([
    204,
    'x-stainless-os',
  ])
  expect((await post(url, chat('hi'))).headers.get('access-control-allow-origin')).toBe('*')
})
