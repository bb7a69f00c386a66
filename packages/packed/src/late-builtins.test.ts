import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { expect, it } from 'vitest'
import { lateBuiltins } from './late-builtins.mjs'

const LOADED = `process.moduleLoadList.includes('NativeModule http')`
const SOURCE = `
import http, { Agent, request } from 'node:http'
import { createHash } from 'crypto'
const before = ${LOADED}
class Own extends Agent {}
const heir = Object.create(http)
heir.request = 'another'
const digest = createHash('sha256').update('a').digest('hex').slice(0, 8)
console.log(before, ${LOADED}, new Own() instanceof http.Agent, typeof request, heir.request, digest)
`

it('are read when they are first used, and are what Node has', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-late-'))
  try {
    writeFileSync(join(folder, 'main.js'), SOURCE)
    await build({
      entryPoints: [join(folder, 'main.js')],
      outfile: join(folder, 'out.mjs'),
      bundle: true,
      platform: 'node',
      format: 'esm',
      plugins: [lateBuiltins],
    })
    expect(execFileSync(process.execPath, [join(folder, 'out.mjs')], { encoding: 'utf8' }).trim()).toBe(
      'false true true function another ca978112',
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
