import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { programsLayer } from './programs-layer.ts'

describe('a layer of this machine’s programs', () => {
  let folder: string
  let cache: string
  const program = () => ({ '/bin/program': join(folder, 'program') })
  const build = (layout: string, programs: Record<string, string> = program()) => {
    mkdirSync(join(folder, layout), { recursive: true })
    return programsLayer(join(folder, layout), programs, cache)
  }
  const blob = (layout: string, digest: string) =>
    statSync(join(folder, layout, 'blobs', ...digest.split(':')))

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-layer-'))
    cache = join(folder, 'cache')
    writeFileSync(join(folder, 'program'), '#!/bin/sh\necho one\n', { mode: 0o755 })
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('is packed once, and the same file in each layout', async () => {
    const first = await build('one')
    expect(await build('two')).toEqual(first)
    expect(blob('two', first.digest).ino).toBe(blob('one', first.digest).ino)
    expect(blob('one', first.digest).size).toBe(first.size)
    expect(readdirSync(join(folder, 'two'))).toEqual(['blobs'])
  })

  it('stays what it is when it is asked for again and another one is packed after it', async () => {
    const first = await build('one')
    expect(await build('one')).toEqual(first)
    expect(readdirSync(join(folder, 'one'))).toEqual(['blobs'])
    await build('one', {})
    const [algorithm = '', hex = ''] = first.digest.split(':')
    const bytes = readFileSync(join(folder, 'one', 'blobs', algorithm, hex))
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(hex)
  })

  it('is packed anew where a program has other content, rights or libraries', async () => {
    const first = await build('one')
    writeFileSync(join(folder, 'program'), '#!/bin/sh\necho another\n')
    const second = await build('two')
    chmodSync(join(folder, 'program'), 0o700)
    const third = await build('three')
    const linked = await build('four', { '/bin/program': '/bin/sh' })
    expect(new Set([first, second, third, linked].map(({ digest }) => digest)).size).toBe(4)
  })

  it('has the libraries that the linker finds, which is asked again where one of them has changed', async () => {
    const first = await build('one', { '/bin/sh': '/bin/sh' })
    const lists = () => readdirSync(cache).filter((name) => name.endsWith('.libraries'))
    expect(lists()).toHaveLength(1)
    writeFileSync(join(cache, lists()[0] ?? ''), JSON.stringify([['/bin/ls', '/bin/ls', 1, 1, 1]]))
    expect(await build('two', { '/bin/sh': '/bin/sh' })).toEqual(first)
    expect(JSON.parse(readFileSync(join(cache, lists()[0] ?? ''), 'utf8')).length).toBeGreaterThan(0)
    expect(readFileSync(join(cache, lists()[0] ?? ''), 'utf8')).not.toContain('/bin/ls')
  })

  it('is packed each time where nothing can be kept, and what is kept does not grow without end', async () => {
    writeFileSync(cache, 'no folder')
    const first = await build('one')
    expect(await build('two')).toEqual(first)
    await rm(cache)
    for (let round = 0; round < 9; round++) {
      writeFileSync(join(folder, 'program'), `#!/bin/sh\necho ${'x'.repeat(round)}\n`)
      await build('three')
    }
    expect(readdirSync(cache)).toHaveLength(6)
  })
})
