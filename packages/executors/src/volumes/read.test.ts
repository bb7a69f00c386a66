import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  appendFileSync,
  closeSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fillVolume } from './fill.ts'
import { readVolumeApart } from './read.ts'
import { stageVolume } from './read-testing.ts'
import { StagedBlocks } from './staged-blocks.ts'

const LIMITS = { bytes: 256 * 1024 * 1024, entries: 10_000 }
const BLOCK = 128 * 1024
const isRoot = process.getuid?.() === 0

let folder: string
let volume: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloister-read-'))
  volume = join(folder, 'volume')
  mkdirSync(volume)
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const stage = (to = 'staged') =>
  stageVolume((options) => readVolumeApart('data', { folder: volume, firstId: 0 }, options), join(folder, to))
const fill = async (name = 'other', from = 'staged') => {
  const into = join(folder, name)
  mkdirSync(into)
  await fillVolume('data', {
    from: { staged: join(folder, from) },
    limits: LIMITS,
    into: { folder: into, owner: undefined, ...(isRoot && { ids: { first: 0, count: 2 ** 32 - 2 } }) },
  })
  return into
}
/**
 * All that lies in a folder: kinds, rights, owners, links, times and contents, as GNU find and sha256sum see
 * it.
 */
const seen = (path: string) =>
  execFileSync(
    'sh',
    [
      '-c',
      'find . -printf "%p %y %m %U:%G %n %Ts %l\\n" | sort; find . -type f -print0 | sort -z | xargs -0r sha256sum',
    ],
    { cwd: path, encoding: 'utf8' },
  )

describe('a volume that is read and filled elsewhere', () => {
  it('is the same: files of all kinds, their rights, owners, links and times', async () => {
    mkdirSync(join(volume, 'deep/er'), { recursive: true })
    writeFileSync(join(volume, 'deep/er/file'), randomBytes(3 * BLOCK + 17), { mode: 0o640 })
    writeFileSync(join(volume, 'empty'), '')
    writeFileSync(join(volume, 'zeros'), Buffer.alloc(BLOCK + 5))
    writeFileSync(Buffer.concat([Buffer.from(`${volume}/not utf-8 \n`), Buffer.from([0xff, 0xc3])]), 'odd')
    writeFileSync(join(volume, 'l'.repeat(255)), 'long name')
    linkSync(join(volume, 'deep/er/file'), join(volume, 'hard'))
    symlinkSync('/etc/passwd', join(volume, 'outward'))
    symlinkSync('deep/er', join(volume, 'inward'))
    mkdirSync(join(volume, 'group'), { mode: 0o755 })
    execFileSync('chmod', ['2775', join(volume, 'group')])
    execFileSync('chmod', ['700', join(volume, 'deep')])
    utimesSync(join(volume, 'empty'), 1_600_000_000.25, 1_600_000_000.25)
    if (isRoot) {
      lchownSync(join(volume, 'deep/er/file'), 70, 71)
      lchownSync(join(volume, 'outward'), 33, 34)
      lchownSync(volume, 999, 998)
    }
    const { summary } = await stage()
    expect(summary).toMatchObject({ leftOut: { count: 0 } })
    const other = await fill()
    expect(seen(other)).toBe(seen(volume))
    expect(statSync(join(other, 'empty')).mtimeMs).toBe(1_600_000_000_250)
  })

  it('keeps holes where there is nothing', async () => {
    const path = join(volume, 'sparse')
    const file = openSync(path, 'w')
    ftruncateSync(file, 512 * 1024 * 1024)
    writeSync(file, randomBytes(5000), 0, 5000, 300 * 1024 * 1024 - 2500)
    writeSync(file, randomBytes(10), 0, 10, 512 * 1024 * 1024 - 10)
    closeSync(file)
    const { bytes, summary } = await stage()
    expect(bytes).toBeLessThan(4 * BLOCK)
    expect(summary?.bytes).toBe(512 * 1024 * 1024)
    const other = await fill()
    expect(statSync(join(other, 'sparse')).blocks).toBeLessThan(2_000)
    execFileSync('cmp', [path, join(other, 'sparse')])
  })

  it('sends the second time only what has changed', async () => {
    writeFileSync(join(volume, 'database'), randomBytes(40 * BLOCK))
    writeFileSync(join(volume, 'gone'), 'x')
    expect((await stage()).bytes).toBeGreaterThan(40 * BLOCK)
    const file = openSync(join(volume, 'database'), 'r+')
    writeSync(file, 'changed', 17 * BLOCK + 3)
    closeSync(file)
    execFileSync('mv', [join(volume, 'gone'), join(volume, 'moved')])
    expect((await stage()).bytes).toBe(BLOCK)
    expect(seen(await fill())).toBe(seen(volume))
  })

  it('leaves out what no volume can be given, and says so', async () => {
    execFileSync('mkfifo', [join(volume, 'fifo')])
    writeFileSync(join(volume, 'file'), 'x')
    expect((await stage()).summary).toMatchObject({ files: 1, leftOut: { count: 1, names: ['./fifo'] } })
  })

  it('can be written to meanwhile, and is whole all the same', async () => {
    const path = join(volume, 'log')
    writeFileSync(path, randomBytes(64 * BLOCK))
    const writing = setInterval(() => appendFileSync(path, randomBytes(10_000)), 1)
    try {
      expect((await stage()).summary?.files).toBe(1)
    } finally {
      clearInterval(writing)
    }
    expect(statSync(join(await fill(), 'log')).size).toBeGreaterThanOrEqual(64 * BLOCK)
  })

  it('is refused where its inventory climbs or goes through a link, whoever made it', async () => {
    const item = (path: string, more: object = {}) =>
      `${JSON.stringify({ type: 'folder', path, target: '', mode: 0o755, uid: 0, gid: 0, modified: 0, size: 0, ...more })}\n`
    const hostile = async (name: string, text: string) => {
      const staged = await StagedBlocks.open(join(folder, name))
      const bytes = Buffer.from(text)
      const digest = createHash('sha256').update(bytes).digest('hex')
      await staged.add([{ digest, bytes }])
      await staged.finish([digest])
      return fill(`${name}-out`, name)
    }
    await expect(hostile('up', item('../x'))).rejects.toThrow(/climbs/)
    const link = item('a', { type: 'link', target: '/tmp' })
    await expect(hostile('through', link + item('a/b'))).rejects.toThrow(/goes through a link/)
    const file = item('f', { type: 'file', size: 5 })
    await expect(hostile('short', file)).rejects.toThrow(/too few blocks/)
    await expect(hostile('lacks', `${file}["${'ab'.repeat(32)}"]\n`)).rejects.toThrow(/was not sent/)
    await expect(hostile('none', 'nothing')).rejects.toThrow(/no JSON|cut short/)
  })

  it('goes on with the blocks that came before a process died', async () => {
    writeFileSync(join(volume, 'file'), randomBytes(20 * BLOCK))
    await stage()
    // It died while it wrote more.
    appendFileSync(join(folder, 'staged/pack'), randomBytes(1000))
    appendFileSync(join(folder, 'staged/index'), randomBytes(30))
    expect((await stage()).bytes).toBe(0)
    expect(seen(await fill())).toBe(seen(volume))
  })
})
