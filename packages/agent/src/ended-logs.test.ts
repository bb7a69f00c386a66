import { gunzipSync } from 'node:zlib'
import { fromBase64, type LogReport } from '@cloister/core'
import type { LogLine } from '@cloister/executors'
import { contextOfEnded, generateKeyPair, open } from '@cloister/secrets'
import { bytesToHex, type Hex } from 'viem'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lastWords, PRINTED_LAST } from './ended-logs.ts'
import { LEASE, openTestStore } from './leases/testing.ts'
import type { Store } from './store.ts'

const HOUR = 3_600_000
const OTHER: Hex = `0x${'2f'.repeat(32)}`
const SERVICES = [
  {
    name: 'web-0',
    service: 'web',
    state: 'failed' as const,
    reason: 'it ended with code 7',
    restarts: 3,
    image: 'web',
    digest: 'sha256:1',
    exitCode: 7,
  },
]
const line = (text: string, container = 'web-0', time = 1): LogReport => ({
  time,
  container,
  stream: 'stdout',
  text,
})

let store: Store
let close: () => void
beforeEach(() => {
  ;({ store, close } = openTestStore({ cpuMilli: 1, memoryMiB: 1, diskMiB: 1, gpus: 0 }))
})
afterEach(() => close())

const keep = (lines: LogReport[], now: number, reader?: Hex, lease = LEASE) =>
  store.ended.keep({ lease, lines, services: SERVICES, reader }, now)

describe('what is left of a lease that has ended', () => {
  it('is there for a day with exit codes and reasons, and then wiped', async () => {
    await keep([line('FATAL: DATABASE_URL is empty')], 10 * HOUR)
    expect(store.ended.report(LEASE, 33 * HOUR)).toEqual({
      lease: LEASE,
      endedAt: 10 * HOUR,
      keptUntil: 34 * HOUR,
      services: SERVICES,
      lines: [line('FATAL: DATABASE_URL is empty')],
    })
    expect(store.ended.report(OTHER, 33 * HOUR)).toBeUndefined()
    expect(store.ended.report(LEASE, 35 * HOUR)).toBeUndefined()
    expect(store.ended.report(LEASE, 10 * HOUR)).toBeUndefined()
  })

  it('is the last lines of every service, however much one of them prints', async () => {
    const loud = Array.from({ length: 1_000 }, (_, index) => line(`${index} ${'x'.repeat(1_000)}`))
    await keep([line('only once', 'db-0'), ...loud], HOUR)
    const { lines = [] } = store.ended.report(LEASE, HOUR) ?? {}
    expect(lines[0]).toEqual(line('only once', 'db-0'))
    expect(lines.at(-1)?.text).toMatch(/^999 /)
    expect(lines.length).toBeGreaterThan(100)
    expect(lines.length).toBeLessThan(300)
  })

  it('lies nowhere in the open where the tenant gave a reading key, and opens with it alone', async () => {
    store.addEvent(LEASE, 'failed', `web-0: it ended with code 7.${PRINTED_LAST}the secret`)
    store.addEvent(OTHER, 'failed', `web-0: it ended with code 7.${PRINTED_LAST}another’s`)
    const reader = await generateKeyPair()
    await keep([line('the secret')], HOUR, bytesToHex(reader.publicKey))
    const { sealed = '', lines } = store.ended.report(LEASE, HOUR) ?? {}
    expect(lines).toBeUndefined()
    expect(store.events(LEASE, 0).map(({ message }) => message)).toEqual(['web-0: it ended with code 7.'])
    expect(store.events(OTHER, 0)[0]?.message).toContain('another’s')
    const opened = await open([reader.privateKey], fromBase64(sealed), contextOfEnded(LEASE))
    expect(JSON.parse(gunzipSync(opened).toString())).toEqual([line('the secret')])
    const stranger = await generateKeyPair()
    for (const [key, lease] of [
      [stranger.privateKey, LEASE],
      [reader.privateKey, OTHER],
    ] as const)
      await expect(open([key], fromBase64(sealed), contextOfEnded(lease))).rejects.toMatchObject({
        code: 'not-sealed-for-us',
      })
  })

  it('is exit codes alone where the reading key is none that can be sealed to', async () => {
    await keep([line('the secret')], HOUR, `0x${'00'.repeat(32)}`)
    const report = store.ended.report(LEASE, HOUR)
    expect(report).toMatchObject({ services: SERVICES, sealed: '' })
    expect(report).not.toHaveProperty('lines')
  })

  it('makes way for what ended later, where it is more than 64 MiB in all', async () => {
    const noise = (seed: number) =>
      Array.from({ length: 20 }, (_, index) => line(`${Math.sin(seed + index)}`.repeat(700)))
    await keep(noise(1), HOUR, undefined, OTHER)
    // Packed, it is small: so it is sealed bytes that fill the room, told by their length alone.
    store['db']
      .prepare('UPDATE ended_lease SET lines = zeroblob(?) WHERE lease = ?')
      .run(64 * 1024 * 1024, OTHER)
    await keep(noise(2), 2 * HOUR)
    expect(store.ended.has(LEASE, 2 * HOUR)).toBe(true)
    expect(store.ended.has(OTHER, 2 * HOUR)).toBe(false)
  })
})

it('what containers printed last is read within bounds, and without those that can’t be read', async () => {
  const executor = {
    async *logs(_: string, container: string): AsyncGenerator<LogLine> {
      if (container === 'gone-0') throw new Error('no such container')
      for (let index = 0; index < 3_000; index++)
        yield { time: index, stream: 'stderr', text: `${container} ${index} ${'y'.repeat(1_000)}` }
    },
  }
  const lines = await lastWords(executor, LEASE, ['a-0', 'gone-0', 'b-0'])
  expect(lines.at(-1)).toMatchObject({ time: 2_999, container: 'b-0' })
  expect(lines.filter(({ container }) => container === 'a-0').length).toBeGreaterThan(100)
  expect(lines.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(256 * 1024)
})
