import { describe, expect, it } from 'vitest'
import { parseDotenv } from './dotenv.ts'
import { parseManifest } from './parse.ts'
import { ManifestError } from './source.ts'

const BYTES = 1024 * 1024 - 1024
const fill = (unit: string) => unit.repeat(Math.floor(BYTES / unit.length))
const numbered = (line: (index: number) => string, bytes = BYTES) => {
  const lines: string[] = []
  for (let size = 0; size < bytes - 100; size += lines.at(-1)?.length ?? 0) lines.push(line(lines.length))
  return lines.join('')
}
const web = (lines: string) => `services:\n  web:\n    image: a\n${lines}`
const sdl = (compute: string) =>
  `version: "2.0"\nservices: { web: { image: a } }\nprofiles:\n  compute:\n${compute}  placement: {}\ndeployment: { web: { p: {} } }\n`

/** Milliseconds of this process's own, which others on the machine don't take. */
function spent(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/**
 * Minutes in a reader that takes the square of the length; well below a second in one that doesn't, here
 * with room to spare.
 */
const PATIENCE_MS = 5_000

describe('a file of a megabyte that nobody would write', () => {
  it.each<[string, string]>([
    ['lists in lists', web(`    command: ${fill('[')}`)],
    ['mappings in mappings', web(`    x-a: ${fill('{a: ')}`)],
    ['entries in entries', web(`    command:\n      ${fill('- ')}a\n`)],
    ['levels by indentation', `services:\n${numbered((i) => `${' '.repeat(i + 1)}a:\n`)}`],
    ['services', `services:\n${numbered((i) => ` s${i}: {image: a}\n`)}`],
    ['variables', web(`    environment:\n${numbered((i) => `      A${i}: $B\n`)}`)],
    ['one key again and again', web(fill('    a: b\n'))],
    ['variables in one text', web(`    command: ["${fill('${A:-b}')}"]\n`)],
    [
      'ports',
      web(`    ports:\n${numbered((i) => `      - "${1 + (i % 600) * 100}-${100 + (i % 600) * 100}"\n`)}`),
    ],
    ['folders', web(`    volumes:\n${numbered((i) => `      - /srv/${'v'.repeat(40)}${i}:/a${i}\n`)}`)],
    ['aliases', web(`    x-a: &a 1\n    x-l:\n${fill('      - *a\n')}`)],
    ['anchors', web(`    x-l:\n${numbered((i) => `      - &a${i} x\n`)}`)],
    [
      'merges',
      `x-a: &a {${numbered((i) => `k${i}: 1, `, BYTES / 4)}z: 1}\nservices:\n  web: {<<: [${Array(90).fill('*a').join(',')}], image: a}\n`,
    ],
    [
      'merges of what just fits',
      `x-a: &a {${numbered((i) => `k${i}: 1, `, 50_000)}z: 1}\nservices:\n${Array.from({ length: 60 }, (_, i) => `  s${i}: {<<: *a}\n`).join('')}`,
    ],
    [
      'aliases of aliases',
      `${['b', 'c', 'd', 'e', 'f', 'g'].reduce((text, name, i) => `${text}x-${name}: &${name} [${Array(9).fill(`*${'abcdef'[i]}`).join(',')}]\n`, 'x-a: &a [1]\n')}services: {web: {image: a, command: *g}}\n`,
    ],
    ['commas', web(`    command: [${fill(',')}`)],
    ['empty lines', web(fill('\n'))],
    ['tags', web(`    command: ${fill('!a ')}`)],
    ['question marks', web(fill('    ? a\n'))],
    ['digits', web(`    environment: {A: ${fill('9')}}\n`)],
    [
      'storage',
      sdl(
        `    p:\n      resources:\n        storage:\n${numbered((i) => `          - {name: n${i}, size: 1Mi}\n`)}`,
      ),
    ],
    ['compute profiles', sdl(numbered((i) => `    p${i}: {}\n`))],
  ])('%s is read or refused by line, and soon', (_, text) => {
    const ms = spent(() => {
      try {
        parseManifest(text, { file: 'a.yaml', env: {}, look: () => undefined })
      } catch (error) {
        expect(error).toBeInstanceOf(ManifestError)
      }
    })
    expect(ms).toBeLessThan(PATIENCE_MS)
  })

  it.each<[string, string]>([
    ['unset variables', numbered((i) => `A${i}=$B\n`)],
    ['variables in one value', `A=${fill('${A:-b}')}`],
    ['a quote that stays open', `A="${fill('a\n')}`],
    ['backslashes', `A="${fill('\\')}"`],
    ['names', numbered((i) => `A${i}=b\n`)],
  ])('%s in an env file are read or refused by line, and soon', (_, text) => {
    const ms = spent(() => {
      try {
        parseDotenv('.env', text)
      } catch (error) {
        expect(error).toBeInstanceOf(ManifestError)
      }
    })
    expect(ms).toBeLessThan(PATIENCE_MS)
  })
})

describe('a small file that would grow', () => {
  it.each([
    [
      'an alias of what it stands in',
      'services:\n  web: &w\n    image: a\n    command: [*w]\n',
      /an alias stands in what it is an alias of/,
    ],
    ['a merge of itself', 'services:\n  web: &w\n    image: a\n    <<: *w\n', /alias/],
  ])('by %s is refused', (_, text, message) => {
    expect(() => parseManifest(text, { file: 'a.yaml' })).toThrow(message)
    expect(() => parseManifest(text, { file: 'a.yaml' })).toThrow(ManifestError)
  })

  it('by variables that double is refused by line', () => {
    const doubling = `A0=xxxxxxxxxx\n${Array.from({ length: 60 }, (_, i) => `A${i + 1}="\${A${i}}\${A${i}}"\n`).join('')}`
    expect(() => parseDotenv('.env', doubling)).toThrow(
      /^\.env:\d+: its values? grows? too long|^\.env:\d+: it grows too long/,
    )
    const big = { A: 'x'.repeat(100_000) }
    expect(() =>
      parseManifest(web(`    command: [${Array(200).fill('$A').join(',')}]\n`), { file: 'a.yaml', env: big }),
    ).toThrow(/a\.yaml:4 .*grows too long/)
  })
})

describe('keys', () => {
  it.each([
    'a: 1\n    a: 2',
    '"a": 1\n    a: 2',
    '1: x\n    "1": y',
    '~: x\n    null: y',
    '<<: {}\n    <<: {}',
  ])('`%s` stand twice, and are refused by line', (lines) => {
    expect(() => parseManifest(web(`    ${lines}\n`), { file: 'a.yaml' })).toThrow(
      /^a\.yaml:5: the key ".*" stands twice/,
    )
  })

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'called %s are keys like others',
    (name) => {
      expect(() => parseManifest(web(`    ${name}: { image: x }\n`), { file: 'a.yaml' })).toThrow(
        /a\.yaml:4 .*is not a known field here/,
      )
      const service = () =>
        parseManifest(`services:\n  ${name}: { image: a, depends_on: [valueOf] }\n`, { file: 'a.yaml' })
      expect(service).toThrow(ManifestError)
      expect(() => parseManifest(web(`    networks: [${name}]\n`), { file: 'a.yaml' })).toThrow(
        /is not declared/,
      )
      expect(() => parseManifest(web(`    configs: [${name}]\n`), { file: 'a.yaml' })).toThrow(
        /is not among the file's configs/,
      )
      expect(({} as Record<string, unknown>)['image']).toBeUndefined()
    },
  )
})
