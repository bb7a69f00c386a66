import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { lookBeside } from './beside.ts'
import { placeOf } from './permissions.ts'

describe('what lies beside a Compose file', () => {
  const root = mkdtempSync(join(tmpdir(), 'cloister-beside-'))
  const folder = join(root, 'project')
  mkdirSync(join(folder, 'conf', 'sub'), { recursive: true })
  writeFileSync(join(folder, 'conf', 'a'), 'A')
  writeFileSync(join(folder, 'conf', 'sub', 'b'), 'B', { mode: 0o755 })
  writeFileSync(join(root, 'secret'), 'S')
  const place = placeOf(folder)
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  it('is read with its modes, folders with all that is in them', () => {
    expect(lookBeside(place, 'conf/sub/b')).toMatchObject({
      kind: 'file',
      content: Buffer.from('B'),
      mode: 0o755,
    })
    const found = lookBeside(place, './conf')
    expect(found?.kind === 'folder' && found.files.map(({ path }) => path).sort()).toEqual(['a', 'sub/b'])
    expect(lookBeside(place, 'nothing')).toBeUndefined()
  })

  it('is not read where it lies outside', () => {
    symlinkSync(root, join(folder, 'up'))
    for (const name of ['../secret', join(root, 'secret'), 'up/secret', '..'])
      expect(() => lookBeside(place, name)).toThrow(/outside its project/)
  })

  it('is nothing of .git, by whatever name', () => {
    mkdirSync(join(folder, '.git'))
    writeFileSync(join(folder, '.git', 'config'), 'url = https://me:token@example.com')
    symlinkSync('.git', join(folder, 'data'))
    symlinkSync('.git/config', join(folder, 'settings'))
    for (const name of ['.git', '.git/config', 'data', 'data/config', 'settings'])
      expect(() => lookBeside(place, name)).toThrow(/lies in \.git/)
  })

  it('is no files of a manifest where it is more than that, or has links or empty folders', () => {
    mkdirSync(join(folder, 'large'))
    for (const name of ['a', 'b']) writeFileSync(join(folder, 'large', name), Buffer.alloc(400 * 1024))
    expect(lookBeside(place, 'large')?.kind).toBe('tree')
    expect(lookBeside(place, 'large', ['b'])?.kind).toBe('folder')
    mkdirSync(join(folder, 'hollow', 'x'), { recursive: true })
    expect(lookBeside(place, 'hollow')?.kind).toBe('tree')
    expect(lookBeside(place, 'hollow/x')).toMatchObject({ kind: 'folder', files: [] })
    mkdirSync(join(folder, 'linked'))
    symlinkSync('nowhere', join(folder, 'linked', 'x'))
    expect(lookBeside(place, 'linked')?.kind).toBe('tree')
    writeFileSync(join(folder, 'huge'), Buffer.alloc(1024 * 1024 + 1))
    expect(lookBeside(place, 'huge')).toEqual({ kind: 'large-file', bytes: 1024 * 1024 + 1, mode: 0o644 })
  })

  it('is read above the folder within a git repository, and no further', () => {
    const repository = join(folder, 'repository')
    mkdirSync(join(repository, '.git'), { recursive: true })
    mkdirSync(join(repository, 'docker'))
    writeFileSync(join(repository, 'app.conf'), 'C')
    writeFileSync(join(folder, 'beside'), 'B')
    const inside = placeOf(join(repository, 'docker'))
    expect(lookBeside(inside, '../app.conf')).toMatchObject({ kind: 'file', content: Buffer.from('C') })
    expect(lookBeside(inside, '../nothing')).toBeUndefined()
    expect(() => lookBeside(inside, '../../beside')).toThrow(/outside its project/)
  })

  it('is not a whole home, also where that is a git repository', () => {
    const home = join(root, 'home')
    mkdirSync(join(home, '.git'), { recursive: true })
    mkdirSync(join(home, 'app'))
    writeFileSync(join(home, 'login'), 'L')
    const before = process.env['HOME']
    process.env['HOME'] = home
    try {
      expect(() => lookBeside(placeOf(join(home, 'app')), '../login')).toThrow(/outside its project/)
    } finally {
      if (before === undefined) delete process.env['HOME']
      else process.env['HOME'] = before
    }
  })
})
