import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { openTraces, type Traces } from '@cloister/operations/traces'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ASK, Asking } from './asking.ts'
import { leaseIdOf, listen } from './testing.ts'
import { inferenceTraces } from './traces.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'
const ANSWERED = { role: 'user' as const, content: 'whispered question' }

/** A span as a collector got it. */
interface Got {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  startTimeUnixNano: string
  attributes: { key: string; value: Record<string, unknown> }[]
  events: { name: string; timeUnixNano: string }[]
  status: { code?: number }
}

const asking = new Asking()
let collector: Server
let text: string
let traces: Traces

beforeEach(async () => {
  text = ''
  collector = await listen(
    createServer(async (request, response) => {
      text += `${Buffer.concat(await request.toArray())}\n`
      response.end('{}')
    }),
  )
})

afterEach(async () => {
  await traces.close()
  collector.closeAllConnections()
  collector.close()
})

function tracer() {
  const { port } = collector.address() as AddressInfo
  traces = openTraces(`http://127.0.0.1:${port}`, { usual: 'gateway', tell: () => {}, env: {} })
  return { tracer: inferenceTraces(traces.tracer, 'models.example') }
}

/** All spans that were recorded, those of requests before those of tries. */
async function recorded(): Promise<Got[]> {
  await traces.close()
  const spans = text.split('\n').flatMap((line): Got[] => {
    return line === '' ? [] : JSON.parse(line).resourceSpans[0].scopeSpans[0].spans
  })
  return spans.sort((one, other) => one.kind - other.kind)
}

const valuesOf = ({ attributes }: Got) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
const shortId = (place: number) => leaseIdOf(place).slice(2, 18)
const portOf = (place: number) => String(asking.worker(place).port)

it('records a request below its client’s span, and tells the endpoint nothing of it', async () => {
  await asking.raise(1, tracer())
  const headers = {
    traceparent: `00-${TRACE}-${SPAN}-01`,
    tracestate: 'vendor=state-of-client',
    baggage: 'user=name-of-client',
  }
  expect(await asking.ask({ stream: true }, headers)).toBe(0)
  const [request, attempt, ...others] = (await recorded()) as [Got, Got]
  expect(others).toEqual([])
  expect(request).toMatchObject({
    traceId: TRACE,
    parentSpanId: SPAN,
    name: 'chat tiny',
    kind: 2,
    status: {},
  })
  expect(valuesOf(request)).toEqual({
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'cloister',
    'gen_ai.request.model': 'tiny',
    'http.request.method': 'POST',
    'http.route': '/v1/chat/completions',
    'http.response.status_code': '200',
    'server.address': 'models.example',
    'cloister.sealed': false,
    'cloister.lease': shortId(0),
  })
  expect(request.events.map(({ name }) => name)).toEqual(['cloister.first_byte'])
  expect(Number(request.events[0]?.timeUnixNano)).toBeGreaterThanOrEqual(Number(request.startTimeUnixNano))
  expect(attempt).toMatchObject({ traceId: TRACE, parentSpanId: request.spanId, kind: 3, status: {} })
  expect(valuesOf(attempt)).toEqual({
    'cloister.lease': shortId(0),
    'server.address': '127.0.0.1',
    'server.port': portOf(0),
    'http.response.status_code': '200',
  })
  const [asked] = asking.worker(0).asked
  for (const name of Object.keys(headers)) expect(asked?.headers).not.toHaveProperty(name)
})

it('records each try, and why it came to nothing', async () => {
  await asking.raise(3, tracer(), (workers) => {
    const [broken, busy] = workers
    if (broken) broken.engine = (_, __, response) => response.destroy()
    if (busy) busy.engine = (_, __, response) => response.writeHead(429).end()
    for (const [place, worker] of workers.entries()) worker.prices = [10 ** (place + 5), 1, 1]
  })
  expect(await asking.ask()).toBe(2)
  const [request, ...tries] = await recorded()
  expect(request && valuesOf(request)).toMatchObject({
    'http.response.status_code': '200',
    'cloister.lease': shortId(2),
  })
  expect(request?.status).toEqual({})
  expect(tries.map((one) => [one.parentSpanId, one.status.code, valuesOf(one)])).toMatchObject([
    [request?.spanId, 2, { 'cloister.lease': shortId(0), 'error.type': 'unreachable' }],
    [
      request?.spanId,
      2,
      { 'cloister.lease': shortId(1), 'error.type': 'busy', 'http.request.resend_count': '1' },
    ],
    [request?.spanId, undefined, { 'cloister.lease': shortId(2), 'http.request.resend_count': '2' }],
  ])
  expect(tries[1] && valuesOf(tries[1])).toHaveProperty('http.response.status_code', '429')
})

it('has nothing in it of what is asked and answered, of keys, and of who asks', async () => {
  await asking.raise(2, tracer())
  const headers = {
    authorization: 'Bearer sk-clo-secret-key',
    'x-request-id': 'id-of-client',
    'idempotency-key': 'once-of-client',
    'user-agent': 'agent-of-client',
    tracestate: 'vendor=state-of-client',
    baggage: 'user=name-of-client',
    traceparent: 'text-of-client',
  }
  const more = { messages: [ANSWERED], user: 'user-of-client' }
  expect(await asking.ask(more, headers)).toBeGreaterThanOrEqual(0)
  expect(await asking.ask({ ...more, stream: true }, headers)).toBeGreaterThanOrEqual(0)
  expect(await asking.ask({ ...more, model: 'model-of-client' }, headers)).toBe(-404)
  const sealed = { 'content-type': 'message/cloister-sealed', 'cloister-lease': leaseIdOf(1) }
  asking.worker(1).engine = (_, __, response) => response.end('answer that is sealed')
  await asking.post('question that is sealed', { ...headers, ...sealed, 'cloister-model': 'model-of-client' })
  asking.worker(0).engine = (_, __, response) => response.writeHead(418).end('{"error":"told by engine"}')
  await asking.ask({ ...more, model: 'tiny-0' }, headers)
  const spans = await recorded()
  expect(spans.filter(({ kind }) => kind === 2)).toHaveLength(5)
  expect(spans.map(valuesOf)).toContainEqual(expect.objectContaining({ 'cloister.sealed': true }))
  expect(text).not.toMatch(/-of-client|whispered|secret|I am|worker \d|that is sealed|told by engine/)
  expect(text).not.toContain('rcpt_')
  expect(text).not.toContain('client.')
})

it('records what the gateway answers itself, and who left', async () => {
  await asking.raise(1, tracer())
  expect(await asking.ask({ model: 'unheard-of' })).toBe(-404)
  expect((await asking.post('no JSON')).status).toBe(400)
  asking.worker(0).engine = () => controller.abort()
  const controller = new AbortController()
  const body = JSON.stringify(ASK)
  await expect(
    fetch(`${asking.stage.url}/v1/chat/completions`, { method: 'POST', body, signal: controller.signal }),
  ).rejects.toThrow('aborted')
  await expect.poll(() => asking.worker(0).left).toBe(1)
  const requests = (await recorded()).filter(({ kind }) => kind === 2)
  expect(requests.map((one) => [one.name, one.status, valuesOf(one)])).toMatchObject([
    ['chat', {}, { 'http.response.status_code': '404', 'error.type': 'unknown-model' }],
    ['chat', {}, { 'http.response.status_code': '400', 'error.type': 'bad-request' }],
    ['chat tiny', {}, { 'error.type': 'left' }],
  ])
})

it('names no lease and no worker that are not offered', async () => {
  await asking.raise(2, tracer(), (workers) => {
    if (workers[1]) workers[1].isOffered = false
  })
  expect(await asking.ask({}, { 'cloister-lease': leaseIdOf(1) })).toBe(1)
  const spans = await recorded()
  expect(spans.map(({ name }) => name)).toEqual(['chat tiny', 'chat tiny'])
  expect(spans.map((one) => valuesOf(one))).not.toContainEqual(expect.toSatisfy((of) => 'server.port' in of))
  expect(text).not.toContain(shortId(1))
})

it('says where an answer broke off in its middle', async () => {
  await asking.raise(1, tracer())
  asking.worker(0).engine = (_, __, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\n')
    setImmediate(() => response.destroy())
  }
  await asking.post({ ...ASK, stream: true }).then((answer) => answer.text())
  for (const span of await recorded()) {
    expect(span.status).toEqual({ code: 2 })
    expect(valuesOf(span)).toMatchObject({ 'http.response.status_code': '200', 'error.type': 'broken-off' })
  }
})

it('counts tokens by a name of its own, over HTTP that Node reads as well', async () => {
  await asking.raise(1, tracer())
  asking.worker(0).engine = (_, __, response) => response.end('{"input_tokens":1}')
  const body = JSON.stringify({ ...ASK, max_tokens: 1 })
  const { port } = new URL(asking.stage.url)
  const socket = connect(Number(port), '127.0.0.1')
  // What expects to be told to go on is not of the common shape.
  socket.write(
    `POST /v1/messages/count_tokens HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\nconnection: close\r\ntraceparent: 00-${TRACE}-${SPAN}-01\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
  expect(Buffer.concat(await socket.toArray()).toString()).toContain('input_tokens')
  const [request] = await recorded()
  expect(request).toMatchObject({ traceId: TRACE, name: 'count_tokens tiny' })
  expect(request && valuesOf(request)).toMatchObject({
    'gen_ai.operation.name': 'count_tokens',
    'http.route': '/v1/messages/count_tokens',
  })
})

it('leaves requests alone while a collector is silent', async () => {
  await asking.raise(1, tracer())
  collector.removeAllListeners('request')
  expect(await asking.ask()).toBe(0)
  await once(collector, 'request')
  for (let number = 0; number < 20; number++) expect(await asking.ask()).toBe(0)
})
