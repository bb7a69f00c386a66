import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { expect, onTestFinished, test, vi } from 'vitest'
import { makeEmpty } from './empty.ts'

test('an empty database opens, and is the same on a machine without tar', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-empty-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const [one, other] = [join(folder, 'one'), join(folder, 'other')]
  await makeEmpty(one)
  vi.stubEnv('PATH', '/nowhere')
  onTestFinished(() => void vi.unstubAllEnvs())
  await makeEmpty(other)
  const files = async (of: string) => (await readdir(of, { recursive: true })).sort()
  expect(await files(other)).toEqual(await files(one))
  const database = await PGlite.create(one)
  expect((await database.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  await database.close()
})
