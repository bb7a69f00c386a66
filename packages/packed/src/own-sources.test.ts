import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { expect, it } from 'vitest'
import { imported, straight } from './own-sources.mjs'

it('imports namespaces of the SDK from where they are, and the rest as it was', () => {
  const namespaces = new Map([['leases', '/sdk/leases/index.ts']])
  const text = "import { type Cloister, leases } from '@cloister/sdk'\nleases.open()"
  expect(straight(text, namespaces)).toBe(
    'import * as leases from "/sdk/leases/index.ts";' +
      "import { type Cloister } from '@cloister/sdk'\nleases.open()",
  )
  const other = "import { leases } from './leases.ts'"
  expect(straight(other, namespaces)).toBe(other)
})

it('packs what an action needs without a call for each of its files', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-imported-'))
  try {
    const action = join(folder, 'ps.ts')
    const commands = join(folder, 'commands.ts')
    const text = "console.log((await import('./ps.ts')).showLeases)"
    writeFileSync(action, 'export const showLeases = 1, others = 2')
    const packed = async (changed: string) => {
      writeFileSync(commands, changed)
      const { outputFiles } = await build({
        entryPoints: [commands],
        bundle: true,
        write: false,
        format: 'esm',
      })
      return outputFiles.map((file) => file.text).join()
    }
    expect(await packed(text)).toContain('__esm')
    expect(await packed(imported(text, commands, action))).not.toMatch(/__esm|others/)
    expect(imported(text, '/elsewhere/commands.ts', action)).toBe(text)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
