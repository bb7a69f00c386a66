import { spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcp, type Server as TcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { createServer as createTls } from 'node:tls'
import { gunzipSync } from 'node:zlib'
import { issueTlsCertificate } from '@cloister/attest/node/tls'
import type { Collector } from '@cloister/core'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import * as z from 'zod'
import type { CollectedLine } from './line.ts'
import { Sender } from './sender.ts'
import { Spool } from './spool.ts'
import { Way } from './way.ts'

const LEASE = `0x${'1e'.repeat(32)}`
const SOURCE = { lease: LEASE, worker: `0x${'9'.repeat(40)}` }
const LINES: CollectedLine[] = [
  { time: 1_900_000_000_000, service: 'web', replica: 0, stream: 'stdout', text: 'GET / 200' },
  { time: 1_900_000_000_000, service: 'web', replica: 0, stream: 'stdout', text: 'GET /größe "x" [y]' },
  { time: 1_900_000_000_001, service: 'db', replica: 1, stream: 'stderr', text: 'slow' },
]

let folder: string
let spool: Spool
let events: string[]
let closing: (() => void)[]
let stop: AbortController

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-sender-'))
  spool = new Spool(join(folder, 'collected.db'))
  events = []
  closing = []
  stop = new AbortController()
})
afterEach(async () => {
  stop.abort()
  for (const close of closing) close()
  await Promise.allSettled(running)
  running.length = 0
  spool.close()
  rmSync(folder, { recursive: true, force: true })
})

const running: Promise<void>[] = []

function start(collector: Collector, allowsInternal = true): Sender {
  const way = new Way(collector, { allowsInternal, timeoutMs: 2_000 })
  const emit = (kind: string, message: string) => void events.push(`${kind}: ${message}`)
  spool.attend(LEASE, ['it'])
  const sender = new Sender({ collector, key: 'it', way, spool, source: SOURCE, emit })
  running.push(sender.run(stop.signal))
  return sender
}

function give(sender: Sender, lines = LINES): void {
  spool.add(LEASE, lines, new Map([['web-0', { time: 1, count: 1 }]]))
  sender.nudge()
}

const sentAll = (count = LINES.length) =>
  vi.waitFor(() => expect(spool.cursor(LEASE, 'it')?.sent).toBe(count), { timeout: 8_000, interval: 20 })

async function listen(server: Server | TcpServer): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  closing.push(() => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A server that takes what `status` says, and what it was sent. */
async function receiver(status: (asked: number) => number = () => 200, answer = '{}') {
  const got: { request: IncomingMessage; content: unknown }[] = []
  let asked = 0
  const handle: RequestListener = async (request, response) => {
    const body = await buffer(request)
    const code = status(asked++)
    if (code === 200) got.push({ request, content: JSON.parse(gunzipSync(body).toString()) })
    response.writeHead(code, { 'retry-after': '0' }).end(code === 200 ? answer : 'no')
  }
  return { got, port: await listen(createServer(handle)), asked: () => asked }
}

/** What OTLP says of logs in JSON, and nothing else. */
const Attributes = z.array(
  z.strictObject({
    key: z.string(),
    value: z.union([
      z.strictObject({ stringValue: z.string() }),
      z.strictObject({ intValue: z.string().regex(/^\d+$/) }),
    ]),
  }),
)
const Nano = z.string().regex(/^\d{19}$/)
const OtlpLogs = z.strictObject({
  resourceLogs: z.array(
    z.strictObject({
      resource: z.strictObject({ attributes: Attributes }),
      scopeLogs: z.array(
        z.strictObject({
          scope: z.strictObject({ name: z.literal('cloister') }),
          logRecords: z.array(
            z.strictObject({
              timeUnixNano: Nano,
              observedTimeUnixNano: Nano,
              body: z.strictObject({ stringValue: z.string() }),
              attributes: Attributes,
            }),
          ),
        }),
      ),
    }),
  ),
})

it('OpenTelemetry gets logs with whose they are, and headers of the tenant’s', async () => {
  const { got, port } = await receiver()
  const url = `otlp+http://127.0.0.1:${port}/base?key=secret`
  give(start({ url, headers: { 'x-key': 'abc' } }))
  await sentAll()
  const [first] = got
  expect(first?.request.url).toBe('/base/v1/logs?key=secret')
  expect(first?.request.headers).toMatchObject({ 'content-type': 'application/json', 'x-key': 'abc' })
  const { resourceLogs } = OtlpLogs.parse(first?.content)
  const [web, db] = resourceLogs
  const attributes = Object.fromEntries(
    web?.resource.attributes.map(({ key, value }) => [key, Object.values(value)[0]]) ?? [],
  )
  expect(attributes).toMatchObject({
    'service.name': 'web',
    'cloister.lease': LEASE,
    'cloister.replica': '0',
    'cloister.worker': SOURCE.worker,
  })
  const records = web?.scopeLogs[0]?.logRecords ?? []
  expect(records.map(({ body }) => body.stringValue)).toEqual(['GET / 200', 'GET /größe "x" [y]'])
  // One millisecond, and still an order.
  expect(records.map(({ timeUnixNano }) => timeUnixNano.slice(-7))).toEqual(['0000000', '0000001'])
  expect(db?.scopeLogs[0]?.logRecords[0]?.attributes).toEqual([
    { key: 'log.iostream', value: { stringValue: 'stderr' } },
  ])
})

it('OpenTelemetry gets what containers use', async () => {
  const { got, port } = await receiver()
  const sender = start({ url: `otlp+http://127.0.0.1:${port}`, headers: {} })
  const container = { name: 'web-0', cpuSeconds: 1.5, memoryBytes: 7, processes: 3, restarts: 2 }
  const limits = { cpuMilliLimit: 500, memoryMiBLimit: 64, processesLimit: 9 }
  const network = { received: 1, sent: 2 }
  await sender.measure(
    {
      time: 2,
      begunAt: 1,
      diskBytes: 5,
      diskMiBLimit: 9,
      network,
      containers: [{ ...container, ...limits }],
    },
    stop.signal,
  )
  expect(got[0]?.request.url).toBe('/v1/metrics')
  const text = JSON.stringify(got[0]?.content)
  for (const name of ['container.cpu.time', 'container.memory.usage', 'cloister.container.restarts'])
    expect(text).toContain(`"name":"${name}"`)
  expect(text).toContain('"asDouble":1.5')
})

it('Loki gets a stream for each container and output', async () => {
  const { got, port } = await receiver()
  give(start({ url: `loki+http://127.0.0.1:${port}`, headers: {} }))
  await sentAll()
  expect(got[0]?.request.url).toBe('/loki/api/v1/push')
  const Push = z.strictObject({
    streams: z.array(
      z.strictObject({
        stream: z.record(z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/), z.string()),
        values: z.array(z.tuple([Nano, z.string()])),
      }),
    ),
  })
  const { streams } = Push.parse(got[0]?.content)
  expect(
    streams.map(({ stream, values }) => [stream['service_name'], stream['stream'], values.length]),
  ).toEqual([
    ['web', 'stdout', 2],
    ['db', 'stderr', 1],
  ])
})

/** Messages as RFC 6587 and RFC 5425 frame them; throws where a frame is none. */
function messagesIn(bytes: Buffer): string[] {
  const messages: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = /^(\d+) /.exec(bytes.subarray(at, at + 8).toString('latin1'))
    if (!length) throw new Error('no length')
    const start = at + length[0].length
    at = start + Number(length[1])
    if (at > bytes.length) break
    messages.push(bytes.subarray(start, at).toString())
  }
  return messages
}

it('syslog over TLS gets messages of RFC 5424, by the tenant’s own certificates alone', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const ca = await issueTlsCertificate(key, { host: '127.0.0.1', name: 'collector' })
  let got = Buffer.alloc(0)
  const server = createTls({ key, cert: ca }, (socket) => {
    closing.push(() => socket.destroy())
    socket.on('data', (piece) => (got = Buffer.concat([got, piece])))
  })
  const url = `syslog+tls://127.0.0.1:${await listen(server)}`
  const untrusted = start({ url, headers: {} })
  give(untrusted)
  await vi.waitFor(() => expect(untrusted.problem).toBeDefined(), { timeout: 8_000 })
  expect(got.length).toBe(0)
  stop.abort()
  stop = new AbortController()
  start({ url, headers: {}, ca })
  await sentAll()
  await vi.waitFor(() => expect(messagesIn(got)).toHaveLength(3))
  const [first, second, third] = messagesIn(got)
  expect(first).toBe(
    `<14>1 2030-03-17T17:46:40.000Z 1e1e1e1e1e1e1e1e web web-0 - [cloister@32473 lease="${LEASE}" service="web" replica="0" worker="${SOURCE.worker}"] GET / 200`,
  )
  expect(second).toContain('] \ufeffGET /größe "x" [y]')
  expect(third).toMatch(/^<11>1 .* db db-1 - /)
})

it('syslog gets a long line in parts that receivers take', async () => {
  let got = Buffer.alloc(0)
  const server = createTcp((socket) => {
    closing.push(() => socket.destroy())
    socket.on('data', (piece) => (got = Buffer.concat([got, piece])))
  })
  const sender = start({ url: `syslog+tcp://127.0.0.1:${await listen(server)}`, headers: {} })
  give(sender, [{ time: 1, service: 'web', replica: 0, stream: 'stdout', text: 'ü'.repeat(8_000) }])
  await sentAll(1)
  await vi.waitFor(() => expect(messagesIn(got)).toHaveLength(3))
  const messages = messagesIn(got)
  for (const message of messages) expect(Buffer.byteLength(message)).toBeLessThanOrEqual(8_192)
  expect(messages.map((message) => message.split('\ufeff')[1]).join('')).toBe('ü'.repeat(8_000))
})

const RSYSLOG = '/usr/sbin/rsyslogd'

it.skipIf(!existsSync(RSYSLOG))('syslog is what rsyslog understands', async () => {
  const port = await listen(createTcp())
  closing.pop()?.()
  const out = join(folder, 'out')
  writeFileSync(
    join(folder, 'conf'),
    `module(load="imtcp")
input(type="imtcp" port="${port}" address="127.0.0.1")
template(name="all" type="string" string="%hostname%|%app-name%|%procid%|%syslogseverity-text%|%structured-data%|%msg%\n")
action(type="omfile" file="${out}" template="all")
`,
  )
  const daemon = spawn(RSYSLOG, ['-n', '-f', join(folder, 'conf'), '-i', join(folder, 'pid')], {
    stdio: 'ignore',
  })
  const ended = once(daemon, 'exit')
  try {
    give(start({ url: `syslog+tcp://127.0.0.1:${port}`, headers: {} }))
    const element = `[cloister@32473 lease="${LEASE}" service="db" replica="1" worker="${SOURCE.worker}"]`
    await vi.waitFor(
      () => expect(readFileSync(out, 'utf8')).toContain(`1e1e1e1e1e1e1e1e|db|db-1|err|${element}|slow\n`),
      { timeout: 15_000, interval: 50 },
    )
  } finally {
    daemon.kill()
    await ended
  }
})

it('what a collector can’t take now is sent again until it does, and the tenant is told once', async () => {
  const { got, port, asked } = await receiver((index) => (index < 2 ? 503 : 200))
  const sender = start({ url: `otlp+http://127.0.0.1:${port}/?key=secret`, headers: {} })
  give(sender)
  await vi.waitFor(() => expect(sender.problem).toBe('it answers with status 503: no'), { timeout: 8_000 })
  await sentAll()
  expect([asked(), got.length]).toEqual([3, 1])
  expect(events).toEqual([
    `collector: otlp+http://127.0.0.1:${port}/: It takes no logs: it answers with status 503: no`,
    `collector: otlp+http://127.0.0.1:${port}/ takes logs again.`,
  ])
  expect(sender.problem).toBeUndefined()
})

it('what a collector refuses for good is dropped and counted, and the stream says so', async () => {
  const { got, port } = await receiver((index) => (index === 0 ? 400 : 200))
  const sender = start({ url: `otlp+http://127.0.0.1:${port}`, headers: {} })
  give(sender)
  await vi.waitFor(() => expect(spool.cursor(LEASE, 'it')?.dropped).toBe(3), { timeout: 8_000 })
  give(sender, LINES.slice(0, 1))
  await sentAll(1)
  const text = JSON.stringify(got[0]?.content)
  expect(text).toContain('3 lines were dropped before this one')
  expect(text).toContain('GET / 200')
  expect(spool.cursor(LEASE, 'it')).toMatchObject({ sent: 1, dropped: 3, told: 3 })
})

it('what a collector says it took only partly counts so', async () => {
  const answer = '{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"too old"}}'
  const { port } = await receiver(() => 200, answer)
  give(start({ url: `otlp+http://127.0.0.1:${port}`, headers: {} }))
  await sentAll(1)
  expect(spool.cursor(LEASE, 'it')?.dropped).toBe(2)
})

it('only services that were named are sent', async () => {
  const { got, port } = await receiver()
  give(start({ url: `loki+http://127.0.0.1:${port}`, headers: {}, services: ['db'] }))
  await sentAll(1)
  expect(JSON.stringify(got[0]?.content)).not.toContain('GET')
})

it('an inside address is not asked, nor is a redirect followed', async () => {
  const { port, asked } = await receiver(() => 302)
  const inside = start({ url: `otlp+http://127.0.0.1:${port}`, headers: {} }, false)
  give(inside)
  await vi.waitFor(() => expect(inside.problem).toMatch(/internal address/), { timeout: 8_000 })
  expect(asked()).toBe(0)
  stop.abort()
  stop = new AbortController()
  const redirected = start({ url: `otlp+http://127.0.0.1:${port}`, headers: {} })
  redirected.nudge()
  await vi.waitFor(() => expect(redirected.problem).toMatch(/status 302/), { timeout: 8_000 })
})

it('a collector that answers nothing keeps nobody waiting', async () => {
  const port = await listen(createTcp((socket) => closing.push(() => socket.destroy())))
  const sender = start({ url: `otlp+http://127.0.0.1:${port}`, headers: {} })
  const begun = Date.now()
  for (let round = 0; round < 20; round++) give(sender)
  expect(Date.now() - begun).toBeLessThan(1_000)
  expect(spool.waiting(LEASE, 'it')).toBe(60)
})
