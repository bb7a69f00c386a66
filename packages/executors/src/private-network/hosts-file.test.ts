import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { withBlock, writeHostsBlock } from './hosts-file.ts'

let folder: string
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'cloister-hosts-'))))
afterAll(() => rm(folder, { recursive: true, force: true }))

it('puts lines into a file of hosts, again and again, and leaves the rest and the file itself', async () => {
  const path = join(folder, 'hosts')
  await writeFile(path, '127.0.0.1 localhost\n')
  const { ino } = await stat(path)
  expect(await writeHostsBlock(path, ['fd00::1 db', 'fd00::2 web'])).toBe(true)
  expect(await writeHostsBlock(path, ['fd00::1 db', 'fd00::2 web'])).toBe(false)
  expect(await writeHostsBlock(path, ['fd00::3 db'])).toBe(true)
  expect(await readFile(path, 'utf8')).toMatch(/^127\.0\.0\.1 localhost\n#.*\nfd00::3 db\n#.*\n$/)
  expect((await stat(path)).ino).toBe(ino)
  await writeHostsBlock(path, [])
  expect(await readFile(path, 'utf8')).toBe('127.0.0.1 localhost\n')
})

it('writes through no link', async () => {
  await symlink(join(folder, 'hosts'), join(folder, 'link'))
  await expect(writeHostsBlock(join(folder, 'link'), ['fd00::1 db'])).rejects.toThrow('ELOOP')
})

it('ends a last line that has no end', () => {
  expect(withBlock('127.0.0.1 a', ['fd00::1 b'])).toMatch(/^127\.0\.0\.1 a\n#/)
})
