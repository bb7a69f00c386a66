import { EventEmitter } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { pause } from '@cloister/core'
import type { LogLine, LogOptions } from '@cloister/executors'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { LeaseRunner } from '../leases/runner.ts'
import { LEASE } from '../leases/testing.ts'
import { LeaseCollector } from './lease-collector.ts'
import { Spool } from './spool.ts'

let folder: string
let spool: Spool
let printed: Record<string, LogLine[]>
/** Containers that keep what they print from everybody. */
let silent: Set<string>
let wiping: AbortController
let changes: EventEmitter
let got: string[]
let close: () => void
let url: string

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-collector-'))
  spool = new Spool(join(folder, 'collected.db'))
  printed = {}
  silent = new Set()
  wiping = new AbortController()
  changes = new EventEmitter()
  got = []
  const server = createServer(async (request, response) => {
    const { streams } = JSON.parse(gunzipSync(await buffer(request)).toString()) as {
      streams: { values: [string, string][] }[]
    }
    got.push(...streams.flatMap(({ values }) => values.map(([, text]) => text)))
    response.writeHead(204).end()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  url = `loki+http://127.0.0.1:${(server.address() as AddressInfo).port}`
  close = () => {
    server.closeAllConnections()
    server.close()
  }
})
afterEach(() => {
  close()
  spool.close()
  rmSync(folder, { recursive: true, force: true })
})

/** An engine as far as whoever follows logs sees one: a container's log is read from its beginning. */
const executor = {
  async *logs(_: string, name: string, { signal }: LogOptions): AsyncGenerator<LogLine> {
    for (let at = 0; ; ) {
      for (const lines = printed[name] ?? []; at < lines.length; at++) yield lines[at] as LogLine
      if (signal.aborted) return
      await pause(20, signal)
    }
  },
}

function collect(since = 0): { stop: () => Promise<void>; done: Promise<void>; collector: LeaseCollector } {
  const runner = {
    id: LEASE,
    changes,
    wiped: wiping.signal,
    mayRead: (name: string) => !silent.has(name),
    report: () => Object.keys(printed).map((name) => ({ name, logs: silent.has(name) ? false : undefined })),
  } as unknown as LeaseRunner
  const collector = new LeaseCollector({
    runner,
    executor,
    spool,
    source: { lease: LEASE, worker: '0x9' },
    collectors: [{ url, headers: {} }],
    since,
    rules: { allowsInternal: true },
    measure: () => Promise.reject(new Error('nothing to measure')),
    emit: () => {},
    // Time stands still: what may be sent at once is all that may be sent.
    now: () => 0,
  })
  const aborter = new AbortController()
  const done = collector.run(aborter.signal)
  const stop = () => {
    aborter.abort()
    return done
  }
  return { stop, done, collector }
}

const print = (name: string, ...texts: string[]) => {
  printed[name] = [
    ...(printed[name] ?? []),
    ...texts.map((text) => ({ time: 1_000, stream: 'stdout' as const, text })),
  ]
}
const arrived = (...texts: string[]) =>
  vi.waitFor(() => expect(got).toEqual(texts), { timeout: 10_000, interval: 20 })

it('sends nothing of a container that keeps what it prints from everybody, also from an update on', async () => {
  silent.add('engine-0')
  print('engine-0', 'a prompt')
  print('web-0', 'one')
  const { stop } = collect()
  await arrived('one')
  silent.add('web-0')
  print('web-0', 'two')
  print('db-0', 'last')
  changes.emit('change')
  await arrived('one', 'last')
  await stop()
  expect(spool.position(LEASE, 'engine-0')).toBeUndefined()
})

it('goes on after a restart where it was, also within one millisecond, with containers that come later', async () => {
  print('web-0', 'one', 'two')
  const first = collect()
  await arrived('one', 'two')
  // What is on its way when it stops would come twice.
  await vi.waitFor(() => expect(first.collector.report()[0]?.sent).toBe(2))
  await first.stop()
  print('web-0', 'three')
  const second = collect()
  await arrived('one', 'two', 'three')
  print('db-0', 'late')
  changes.emit('change')
  await arrived('one', 'two', 'three', 'late')
  await vi.waitFor(() =>
    expect(second.collector.report()).toMatchObject([{ url, sent: 4, dropped: 0, waiting: 0 }]),
  )
  await second.stop()
})

it('sends nothing that was printed before it was asked to', async () => {
  print('web-0', 'old')
  printed['web-0']?.push({ time: 2_000, stream: 'stdout', text: 'new' })
  const { stop } = collect(2_000)
  await arrived('new')
  await stop()
})

it('sends the last words of a lease that ends, and forgets it', async () => {
  print('web-0', 'up')
  const { done } = collect()
  await arrived('up')
  print('web-0', 'dying')
  wiping.abort()
  await done
  expect(got).toEqual(['up', 'dying'])
  expect(spool.leases()).toEqual([])
})

it('drops what is printed faster than it may be sent, and counts it', async () => {
  print('web-0', ...Array.from({ length: 300 }, (_, index) => `${index} ${'x'.repeat(16_000)}`))
  const { stop, collector } = collect()
  await vi.waitFor(
    () => {
      const [{ sent, dropped, waiting } = { sent: 0, dropped: 0, waiting: 0 }] = collector.report()
      expect(sent + dropped).toBeGreaterThanOrEqual(300)
      expect(waiting).toBe(0)
      expect(dropped).toBeGreaterThan(10)
    },
    { timeout: 15_000, interval: 50 },
  )
  await stop()
})
