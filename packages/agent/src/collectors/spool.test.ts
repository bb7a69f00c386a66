import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { CollectedLine } from './line.ts'
import { Spool } from './spool.ts'

const LEASE = '0x1e'
const OTHER = '0x2f'
let folder: string
let spool: Spool

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-spool-'))
  spool = new Spool(join(folder, 'collected.db'))
})
afterEach(() => {
  spool.close()
  rmSync(folder, { recursive: true, force: true })
})

const line = (text: string, time = 1): CollectedLine => ({
  time,
  service: 'web',
  replica: 0,
  stream: 'stdout',
  text,
})
const at = (time: number, count = 1) => new Map([['web-0', { time, count }]])
const done = (collector: string, seq: number, sent: number) =>
  spool.done(LEASE, collector, seq, { sent, dropped: 0, told: 0 }, 5)

it('keeps lines until every collector has had them, in order, also over a restart', () => {
  spool.attend(LEASE, ['a', 'b'])
  spool.add(LEASE, [line('one'), line('two')], at(1, 2))
  spool.add(LEASE, [line('three', 2)], at(2))
  spool.close()
  spool = new Spool(join(folder, 'collected.db'))
  expect(spool.position(LEASE, 'web-0')).toEqual({ time: 2, count: 1 })
  const first = spool.next(LEASE, 'a')
  expect(first?.lines.map(({ text }) => text)).toEqual(['one', 'two'])
  done('a', first?.seq ?? 0, 2)
  expect(spool.next(LEASE, 'a')?.lines).toEqual([line('three', 2)])
  // The other has had none of it.
  expect(spool.next(LEASE, 'b')?.seq).toBe(first?.seq)
  expect([spool.waiting(LEASE, 'a'), spool.waiting(LEASE, 'b')]).toEqual([1, 3])
  expect(spool.cursor(LEASE, 'a')).toMatchObject({ sent: 2, dropped: 0, lastSentAt: 5 })
})

it('gives a collector that comes later what comes from then on, and forgets one that is gone', () => {
  spool.attend(LEASE, ['a'])
  spool.add(LEASE, [line('one')], at(1))
  spool.attend(LEASE, ['a', 'b'])
  expect(spool.next(LEASE, 'b')).toBeUndefined()
  spool.attend(LEASE, ['b'])
  expect(spool.cursor(LEASE, 'a')).toBeUndefined()
  expect(spool.waiting(LEASE, 'b')).toBe(0)
})

it('drops the oldest of a lease that has too much waiting, and counts it for those that had not had it', () => {
  spool.close()
  spool = new Spool(join(folder, 'collected.db'), 10_000, 100_000)
  spool.attend(LEASE, ['quick', 'slow'])
  spool.attend(OTHER, ['calm'])
  spool.add(OTHER, [line('stays')], at(1))
  const noise = () => Array.from({ length: 400 }, () => Math.random().toString(36).slice(2)).join('')
  for (let round = 1; round <= 8; round++) {
    spool.add(LEASE, [line(noise()), line(`end ${round}`)], at(round))
    const batch = spool.next(LEASE, 'quick')
    if (batch) done('quick', batch.seq, 2)
  }
  expect(spool.cursor(LEASE, 'slow')?.dropped).toBeGreaterThanOrEqual(6)
  expect(spool.cursor(LEASE, 'quick')?.dropped).toBeLessThan(spool.cursor(LEASE, 'slow')?.dropped ?? 0)
  expect(spool.next(OTHER, 'calm')?.lines).toEqual([line('stays')])
})

it('counts lines that were never written down', () => {
  spool.attend(LEASE, ['a'])
  spool.add(LEASE, [], at(1), 7)
  expect(spool.cursor(LEASE, 'a')).toMatchObject({ dropped: 7, told: 0 })
  expect(spool.next(LEASE, 'a')).toBeUndefined()
})

it('forgets a lease wholly, and is its own user’s alone', () => {
  spool.attend(LEASE, ['a'])
  spool.add(LEASE, [line('one')], at(1))
  for (const end of ['', '-wal', '-shm'])
    expect(statSync(join(folder, `collected.db${end}`)).mode & 0o777).toBe(0o600)
  spool.forget(LEASE)
  expect(spool.leases()).toEqual([])
  expect(spool.position(LEASE, 'web-0')).toBeUndefined()
})
