import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Exporter, type ExporterParts } from './exporter.ts'
import type { OpenSpan } from './span.ts'
import { Tracer } from './tracer.ts'

const PARENT = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`

/** What a collector is sent, as far as tests look at it. */
interface Sent {
  resourceSpans: { resource: object; scopeSpans: { spans: SentSpan[] }[] }[]
}
interface SentSpan {
  name: string
  spanId: string
  parentSpanId: string
  startTimeUnixNano: string
  endTimeUnixNano: string
}

let collector: Server
let got: { path: string | undefined; headers: IncomingHttpHeaders; content: Sent }[]
let answer: (response: ServerResponse) => void
let told: string[]
let exporter: Exporter

beforeEach(async () => {
  got = []
  told = []
  answer = (response) => response.end('{}')
  collector = createServer(async (request, response) => {
    const content = JSON.parse(Buffer.concat(await request.toArray()).toString()) as Sent
    got.push({ path: request.url, headers: request.headers, content })
    answer(response)
  })
  await new Promise<void>((done) => collector.listen(0, '127.0.0.1', done))
})

afterEach(async () => {
  collector.closeAllConnections()
  collector.close()
  await exporter.close()
})

function open(more: Partial<ExporterParts> = {}): Tracer {
  const { port } = collector.address() as AddressInfo
  exporter = new Exporter({
    url: new URL(`http://127.0.0.1:${port}/v1/traces`),
    headers: { 'api-key': 'key of the operator' },
    service: 'tested',
    tell: (message) => told.push(message),
    gatherMs: 1,
    firstPauseMs: 1,
    tellMs: 0,
    ...more,
  })
  return new Tracer(1, (span) => exporter.add(span))
}

const begun = (tracer: Tracer, name: string, parent?: string) => tracer.begin(name, parent) as OpenSpan
const spans = () =>
  got.flatMap(({ content }) => content.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans[0]?.spans ?? []))
const names = () => spans().map(({ name }) => name)

it('sends spans as OTLP’s JSON has them', async () => {
  const before = BigInt(Date.now()) * 1_000_000n
  const span = begun(open(), 'parent', PARENT)
  const child = span.child('child', 'client')
  child.set('whole', 7)
  child.end({ isError: true })
  span.set('text', 'seven')
  span.set('truth', true)
  span.event('halfway')
  span.end({ isError: false })
  span.end({ isError: true })
  await vi.waitFor(() => expect(names()).toEqual(['child', 'parent']))
  const [{ path, headers, content } = {}] = got
  expect(path).toBe('/v1/traces')
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'api-key': 'key of the operator' })
  const [time, id] = [expect.stringMatching(/^\d{19}$/), expect.stringMatching(/^[0-9a-f]{16}$/)]
  const times = { startTimeUnixNano: time, endTimeUnixNano: time }
  expect(content).toEqual({
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'tested' } }] },
        scopeSpans: [
          {
            scope: { name: 'cloister' },
            spans: [
              {
                ...{
                  traceId: 'ab'.repeat(16),
                  spanId: id,
                  parentSpanId: id,
                  name: 'child',
                  kind: 3,
                  ...times,
                },
                attributes: [{ key: 'whole', value: { intValue: '7' } }],
                events: [],
                status: { code: 2 },
              },
              {
                ...{ traceId: 'ab'.repeat(16), spanId: id, parentSpanId: 'cd'.repeat(8), name: 'parent' },
                ...{ kind: 2, ...times },
                attributes: [
                  { key: 'text', value: { stringValue: 'seven' } },
                  { key: 'truth', value: { boolValue: true } },
                ],
                events: [{ name: 'halfway', timeUnixNano: time }],
                status: {},
              },
            ],
          },
        ],
      },
    ],
  })
  const [sentChild, sentParent] = spans() as [SentSpan, SentSpan]
  expect(sentChild.parentSpanId).toBe(sentParent.spanId)
  expect(BigInt(sentParent.startTimeUnixNano)).toBeGreaterThanOrEqual(before)
  expect(BigInt(sentParent.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(sentChild.startTimeUnixNano))
})

it('records a share of the traces, by their ids, and none that its client does not', () => {
  const tracer = new Tracer(0.25, () => {})
  const within = (traceId: string, flags = '01') =>
    tracer.begin('one', `00-${traceId}-${'cd'.repeat(8)}-${flags}`) !== undefined
  expect(within(`${'0'.repeat(18)}c0000000000000`)).toBe(false)
  expect(within(`${'0'.repeat(19)}c000000000000`)).toBe(true)
  expect(within(`${'f'.repeat(19)}bffffffffffff`)).toBe(false)
  expect(within('f'.repeat(32), '00')).toBe(false)
  expect(new Tracer(0, () => {}).begin('one', undefined)).toBeUndefined()
})

it('sends again what a collector has no time for, tells so once, and goes on', async () => {
  const tracer = open()
  let left = 3
  answer = (response) => response.writeHead(left-- > 0 ? 503 : 200).end()
  begun(tracer, 'one').end({ isError: false })
  await vi.waitFor(() => expect(told).toHaveLength(2))
  expect(names()).toEqual(['one', 'one', 'one', 'one'])
  expect(told).toEqual([
    'the collector of traces takes none: it answers 503',
    'the collector of traces takes them',
  ])
})

it('drops what a collector refuses as such, and counts it', async () => {
  const tracer = open()
  answer = (response) => response.writeHead(400).end()
  begun(tracer, 'refused').end({ isError: false })
  await vi.waitFor(() => expect(told).toHaveLength(1))
  answer = (response) => response.end('{"partialSuccess":{"rejectedSpans":"1"}}')
  begun(tracer, 'next').end({ isError: false })
  await vi.waitFor(() => expect(told).toHaveLength(2))
  expect(told[1]).toBe('the collector of traces takes them; 2 spans were dropped')
  expect(names()).toEqual(['refused', 'next'])
})

it('keeps no more than fits while a collector says nothing', async () => {
  const tracer = open()
  const silent: ServerResponse[] = []
  answer = (response) => silent.push(response)
  for (let number = 0; number < 10_000; number++) begun(tracer, 'many').end({ isError: false })
  await vi.waitFor(() => expect(silent).toHaveLength(1))
  answer = (response) => response.end()
  silent[0]?.end()
  const kept = 512 + 2_048
  await vi.waitFor(() => expect(names()).toHaveLength(kept))
  expect(told).toEqual([`the collector of traces takes them; ${10_000 - kept} spans were dropped`])
})

it('waits for no silent collector when it closes, and takes nothing after that', async () => {
  const tracer = open()
  answer = () => {}
  begun(tracer, 'early').end({ isError: false })
  await vi.waitFor(() => expect(names()).toEqual(['early']))
  await exporter.close()
  answer = (response) => response.end()
  begun(tracer, 'late').end({ isError: false })
  await exporter.close()
  expect(names()).toEqual(['early'])
})

it('sends what waits when it closes', async () => {
  const tracer = open({ gatherMs: 60_000 })
  for (const name of ['one', 'two']) begun(tracer, name).end({ isError: false })
  await exporter.close()
  expect(names()).toEqual(['one', 'two'])
  expect(told).toEqual([])
})

it('says that nobody listens where a collector was', async () => {
  const tracer = open()
  collector.close()
  begun(tracer, 'lost').end({ isError: false })
  await vi.waitFor(() => expect(told[0]).toContain('ECONNREFUSED'))
})
