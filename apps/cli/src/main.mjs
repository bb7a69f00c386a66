#!/usr/bin/env node
// The command itself. Runs on the Node that came with the project where the one at hand can not run
// TypeScript.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { keepCompiledCode, packedProgram } from '@cloister/packed'

if (process.features.typescript) {
  keepCompiledCode()
  await import(packedProgram(join(import.meta.dirname, 'program.ts')))
} else {
  const node = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node')
  const { status } = spawnSync(
    node,
    ['--disable-warning=ExperimentalWarning', fileURLToPath(import.meta.url), ...process.argv.slice(2)],
    { stdio: 'inherit' },
  )
  process.exitCode = status ?? 1
}
