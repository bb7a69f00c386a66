import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Store } from '../store.ts'

const ONE = `0x${'11'.repeat(32)}` as const
const OTHER = `0x${'22'.repeat(32)}` as const
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-receipts-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

it('receipts of a lease are numbered on and on, also by an agent that was started anew', () => {
  const path = join(folder, 'worker.db')
  const first = new Store(path)
  const { era } = first.receipts
  expect([first.receipts.next(ONE), first.receipts.next(ONE), first.receipts.next(OTHER)]).toEqual([
    0n,
    1n,
    0n,
  ])
  // Whoever was killed closed nothing.
  const second = new Store(path)
  expect(second.receipts.era).toBe(era)
  expect([second.receipts.next(ONE), second.receipts.next(OTHER)]).toEqual([2n, 1n])
  first.close()
  second.close()
})

it('a worker that lost its store counts anew in another era', () => {
  const stores = ['one.db', 'two.db'].map((name) => new Store(join(folder, name)))
  const [one, two] = stores.map(({ receipts }) => ({ era: receipts.era, sequence: receipts.next(ONE) }))
  expect(two?.sequence).toBe(one?.sequence)
  expect(two?.era).not.toBe(one?.era)
  for (const store of stores) store.close()
})
