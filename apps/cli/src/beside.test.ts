import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { lookBeside } from './beside.ts'

describe('what lies beside a Compose file', () => {
  const root = mkdtempSync(join(tmpdir(), 'cloister-beside-'))
  const folder = join(root, 'project')
  mkdirSync(join(folder, 'conf', 'sub'), { recursive: true })
  writeFileSync(join(folder, 'conf', 'a'), 'A')
  writeFileSync(join(folder, 'conf', 'sub', 'b'), 'B', { mode: 0o755 })
  writeFileSync(join(root, 'secret'), 'S')
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  it('is read with its modes, folders with all that is in them', () => {
    expect(lookBeside(folder, 'conf/sub/b')).toMatchObject({
      kind: 'file',
      content: Buffer.from('B'),
      mode: 0o755,
    })
    const found = lookBeside(folder, './conf')
    expect(found?.kind === 'folder' && found.files.map(({ path }) => path).sort()).toEqual(['a', 'sub/b'])
    expect(lookBeside(folder, 'nothing')).toBeUndefined()
  })

  it('is not read where it lies outside, through a link of a folder’s either', () => {
    mkdirSync(join(folder, 'linked'))
    symlinkSync(join(root, 'secret'), join(folder, 'linked', 'x'))
    symlinkSync(root, join(folder, 'up'))
    for (const name of ['../secret', join(root, 'secret'), 'linked/x', 'linked', 'up/secret', '..'])
      expect(() => lookBeside(folder, name)).toThrow(/outside its folder/)
  })

  it('is not read where no manifest could hold it', () => {
    mkdirSync(join(folder, 'large'))
    for (const name of ['a', 'b']) writeFileSync(join(folder, 'large', name), Buffer.alloc(400 * 1024))
    expect(() => lookBeside(folder, 'large')).toThrow(/more than a manifest can hold/)
    writeFileSync(join(folder, 'huge'), Buffer.alloc(1024 * 1024 + 1))
    expect(() => lookBeside(folder, 'huge')).toThrow(/more than a manifest can hold/)
  })
})
