import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isPacked, packedProgram, stampOf } from './packed.mjs'

describe('a packed program', () => {
  let root: string
  const pack = (changes: object = {}) => {
    const index = {
      node: process.version,
      programs: { 'main.ts': { file: 'abc/main.js', sources: [0] } },
      sources: [
        ['main.ts', stampOf(join(root, 'main.ts'))],
        ['other.ts', '1 1'],
      ],
      ...changes,
    }
    mkdirSync(join(root, 'node_modules/.cache/cloister'), { recursive: true })
    writeFileSync(join(root, 'node_modules/.cache/cloister/packed.json'), JSON.stringify(index))
  }
  const found = (name = 'main.ts', command?: string) => packedProgram(join(root, name), { root, command })

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'cloister-packed-'))
    writeFileSync(join(root, 'main.ts'), 'export {}')
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  it('is run where nothing it was made of has changed', () => {
    pack()
    expect(found()).toBe(join(root, 'node_modules/.cache/cloister/abc/main.js'))
    expect(found('other.ts')).toBe(join(root, 'other.ts'))
    // Of what it wasn't made of, something has changed.
    expect(isPacked(root)).toBe(false)
  })

  it('is run in the form of its own that a command has, where it has one', () => {
    pack({
      programs: {
        'main.ts': { file: 'abc/main.js', sources: [0] },
        'main.ts ps': { file: 'abc/ps.js', sources: [0] },
      },
    })
    expect(found('main.ts', 'ps')).toBe(join(root, 'node_modules/.cache/cloister/abc/ps.js'))
    expect(found('main.ts', 'stake')).toBe(join(root, 'node_modules/.cache/cloister/abc/main.js'))
  })

  it('gives way to its source where it was never packed, or for another Node', () => {
    expect(found()).toBe(join(root, 'main.ts'))
    pack({ node: 'v1.0.0' })
    expect(found()).toBe(join(root, 'main.ts'))
  })

  it('gives way to its source where one has changed or is gone', () => {
    pack()
    writeFileSync(join(root, 'main.ts'), 'export{ }')
    expect(found()).toBe(join(root, 'main.ts'))
    pack({ sources: [['gone.ts', '1 1']] })
    expect(found()).toBe(join(root, 'main.ts'))
  })
})
