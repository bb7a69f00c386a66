import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const SOURCES = join(import.meta.dirname, '../src')
/** Every contract, library and interface that production networks have. */
const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.sol') && !path.startsWith('devnet'))
  .map((path) => ({ path, lines: readFileSync(join(SOURCES, path), 'utf8').split('\n') }))

const DECLARATION = /^ {4}(error|event|function) (\w+)/

/** What is declared, with the line before it. */
function declarations(kinds: readonly string[], inFolder = '') {
  return files
    .filter(({ path }) => path.startsWith(inFolder))
    .flatMap(({ path, lines }) =>
      lines.flatMap((line, at) => {
        const [, kind = '', name = ''] = DECLARATION.exec(line) ?? []
        return kinds.includes(kind) ? [{ path, name, before: lines[at - 1] ?? '' }] : []
      }),
    )
}

describe('the contracts', () => {
  it('say of every error and event what it means, and of every external function what it does', () => {
    const declared = [...declarations(['error', 'event']), ...declarations(['function'], 'interfaces')]
    expect(declared.length).toBeGreaterThan(300)
    const silent = declared.filter(({ before }) => !before.trim().startsWith('///'))
    expect(silent.map(({ path, name }) => `${path}: ${name}`)).toEqual([])
  })

  it.each(['error', 'event'])('declare no %s twice', (kind) => {
    const names = declarations([kind]).map(({ name }) => name)
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([])
  })

  it('let their functions inherit what the interface says', () => {
    const told = files
      .filter(({ path }) => !/^(interfaces|libraries)/.test(path))
      .flatMap(({ path, lines }) =>
        lines.flatMap((line, at) => {
          const [, kind, name] = DECLARATION.exec(line) ?? []
          if (kind !== 'function') return []
          const head =
            lines
              .slice(at, at + 12)
              .join(' ')
              .split('{', 1)[0] ?? ''
          const isOpen = /\b(external|public)\b/.test(head) && !/\boverride\b/.test(head)
          return isOpen && !lines[at - 1]?.includes('@inheritdoc') ? [`${path}: ${name}`] : []
        }),
      )
    expect(told).toEqual([])
  })
})
