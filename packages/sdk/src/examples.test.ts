import { execFile } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import * as sdk from './index.ts'
import * as node from './node.ts'

const ROOT = join(import.meta.dirname, '../../..')
/** Below node_modules, so that packages are found from there and nobody else looks at it. */
const FOLDER = join(ROOT, 'node_modules/.examples')
/** What examples take for given. */
const GIVEN = `import type { Cloister, Manifest } from '@cloister/sdk'
import type { Charge, SignedReceipt } from '@cloister/core'
import type { Account, Address, Hex } from 'viem'
declare global {
  var account: Account
  var app: Hex
  var charge: Charge
  var cloister: Cloister
  var description: unknown
  var details: Hex
  var hash: Hex
  var manifest: Manifest
  var provider: Address
  var receipt: SignedReceipt
  var text: string
  var worker: Address
}
`

interface Example {
  /** Where it stands: path and name. */
  of: string
  /** What it is about, as it is called where it is declared. */
  declared: string
  code: string
}

/** Code after `@example` in doc comments, and the name that each comment is about. */
function examplesIn(path: string): Example[] {
  const source = readFileSync(join(ROOT, path), 'utf8')
  const comments = source.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*?)\*\/\s*export (?:async )?\w+ (\w+)/g)
  return [...comments].flatMap(([, comment = '', name = '']) =>
    comment
      .split('@example')
      .slice(1)
      .map((text) => ({
        of: `${path} ${name}`,
        declared: name,
        code: text.replaceAll(/^ \* ?/gm, '').replaceAll(/^```(?:ts)?$/gm, ''),
      })),
  )
}

const examples = globSync('{packages,services}/*/src/**/*.ts', { cwd: ROOT })
  .filter((path) => !path.endsWith('.test.ts'))
  .sort()
  .flatMap(examplesIn)

beforeAll(() => {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, 'given.d.ts'), GIVEN)
  for (const [index, { code }] of examples.entries()) writeFileSync(join(FOLDER, `${index}.ts`), code)
  const files = ['given.d.ts', ...examples.map((_, index) => `${index}.ts`)]
  const compilerOptions = { incremental: false, tsBuildInfoFile: null, noEmit: true }
  writeFileSync(
    join(FOLDER, 'tsconfig.json'),
    JSON.stringify({ extends: '../../tsconfig.json', compilerOptions, files, include: [], exclude: [] }),
  )
})
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

it('has examples that compile as they stand', async () => {
  const { stdout, failed } = await promisify(execFile)(
    process.execPath,
    [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', FOLDER],
    { cwd: ROOT },
  ).then(
    () => ({ stdout: '', failed: false }),
    (error) => ({ stdout: String(error.stdout), failed: true }),
  )
  const named = stdout.replaceAll(
    /node_modules\/\.examples\/(\d+)\.ts/g,
    (_, index) => examples[Number(index)]?.of ?? '',
  )
  expect(failed ? named : '').toBe('')
})

/** Functions and classes that an application imports, by the words that it calls them with. */
const called = new Map<string, string>()
const namespaces = new Set<string>()
for (const [name, value] of Object.entries({ ...node, ...sdk })) {
  if (typeof value === 'function') called.set(name, value.name)
  else if (!Array.isArray(value)) {
    namespaces.add(name)
    for (const [own, action] of Object.entries(value)) called.set(`${name}.${own}`, action.name)
  }
}
const names = [...called.keys()].sort()

it('has one for each function that an application calls, in the function’s own comment', () => {
  const bare = names.filter(
    (name) =>
      !examples.some(
        ({ declared, code }) =>
          declared === called.get(name) && new RegExp(`\\b${name.replace('.', '\\.')}\\b`).test(code),
      ),
  )
  expect(bare).toEqual([])
  expect(names).toEqual(expect.arrayContaining(['apps.seal', 'exec', 'leases.deploy', 'stake.delegate']))
})

it('names each of them in its page and in its README, and nothing that is not there', () => {
  const page = readFileSync(join(ROOT, 'docs/sdk.md'), 'utf8')
  const inPage = [...page.matchAll(/^\| `([\w.]+)`/gm)].map(([, name]) => name ?? '')
  expect(inPage.sort()).toEqual(names)
  const readme = readFileSync(join(ROOT, 'packages/sdk/README.md'), 'utf8')
  const inReadme = [...readme.matchAll(/^- (.*(?:\n {2}.*)*)/gm)].flatMap(([, item = '']) => {
    const [first = '', ...others] = [...item.matchAll(/`(\w+)`/g)].map(([, name]) => name ?? '')
    return namespaces.has(first) ? others.map((name) => `${first}.${name}`) : [first, ...others]
  })
  expect(inReadme.sort()).toEqual(names)
})
