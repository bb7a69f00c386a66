import { execFile } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import * as sdk from './index.ts'

const ROOT = join(import.meta.dirname, '../../..')
/** Below node_modules, so that packages are found from there and nobody else looks at it. */
const FOLDER = join(ROOT, 'node_modules/.examples')
/** What examples take for given. */
const GIVEN = `import type { Cloister, Manifest } from '@cloister/sdk'
import type { Account, Address } from 'viem'
declare global {
  var account: Account
  var cloister: Cloister
  var description: unknown
  var manifest: Manifest
  var provider: Address
  var text: string
}
`

interface Example {
  /** Where it stands: path and name. */
  of: string
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

it('has one for each thing that an application does', () => {
  const text = examples.map(({ code }) => code).join('\n')
  const doings = ['bids', 'close', 'deploy', 'findLease', 'openSession', 'status', 'topUp', 'update']
  for (const name of doings) expect(text, name).toContain(`leases.${name}(`)
  for (const name of ['check', 'evidence']) expect(text, name).toContain(`verify.${name}(`)
  expect(Object.keys(sdk.leases)).toEqual(expect.arrayContaining(doings))
})
