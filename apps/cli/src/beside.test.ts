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

  it('is not read where it lies outside', () => {
    symlinkSync(root, join(folder, 'up'))
    for (const name of ['../secret', join(root, 'secret'), 'up/secret', '..'])
      expect(() => lookBeside(folder, name)).toThrow(/outside its folder/)
  })

  it('is no files of a manifest where it is more than that, or has links or empty folders', () => {
    mkdirSync(join(folder, 'large'))
    for (const name of ['a', 'b']) writeFileSync(join(folder, 'large', name), Buffer.alloc(400 * 1024))
    expect(lookBeside(folder, 'large')?.kind).toBe('tree')
    expect(lookBeside(folder, 'large', ['b'])?.kind).toBe('folder')
    mkdirSync(join(folder, 'hollow', 'x'), { recursive: true })
    expect(lookBeside(folder, 'hollow')?.kind).toBe('tree')
    expect(lookBeside(folder, 'hollow/x')).toMatchObject({ kind: 'folder', files: [] })
    mkdirSync(join(folder, 'linked'))
    symlinkSync('nowhere', join(folder, 'linked', 'x'))
    expect(lookBeside(folder, 'linked')?.kind).toBe('tree')
    writeFileSync(join(folder, 'huge'), Buffer.alloc(1024 * 1024 + 1))
    expect(lookBeside(folder, 'huge')).toEqual({ kind: 'large-file', bytes: 1024 * 1024 + 1, mode: 0o644 })
  })
})
