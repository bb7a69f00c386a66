import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, it } from 'vitest'
import { Store } from './store.ts'

it('forgets whole batches that are old, as quickly as there are receipts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-store-'))
  const [many, each] = [12_000, 4_000]
  new Store(folder).close()
  const database = new DatabaseSync(join(folder, 'door.sqlite'))
  database.exec('BEGIN')
  const receipt = database.prepare(
    "INSERT INTO receipts(id, details, charge, signed, era, batch, ended) VALUES (?, '', '', '', '7', ?, ?)",
  )
  for (let at = 0; at < many; at++) receipt.run(String(at), Math.floor(at / each), at)
  const batch = database.prepare("INSERT INTO batches VALUES ('7', ?, ?, '0x', ?)")
  for (let at = 0; at < many / each; at++) batch.run(at, each, at === 1 ? null : '0x')
  database.exec('COMMIT')
  const store = new Store(folder)
  const count = () => Number(database.prepare('SELECT count(*) AS n FROM receipts').get()?.['n'])
  const before = performance.now()
  // The last receipt of the first batch isn't old yet.
  store.forget(each - 1, many)
  expect(count()).toBe(many)
  // One that wasn't sent stays, however old.
  store.forget(many, many)
  expect(count()).toBe(each)
  expect(performance.now() - before).toBeLessThan(3_000)
  store.close()
  database.close()
  rmSync(folder, { recursive: true })
})
