#!/usr/bin/env node
// The command itself. Runs on the Node that came with the project where the one at hand can not run TypeScript.
import { spawnSync } from 'node:child_process'
import * as nodeModule from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

if (process.features.typescript) {
  // Compiled code is kept between runs: a command then answers in half the time.
  nodeModule.enableCompileCache()
  await import('./program.ts')
} else {
  const node = join(dirname(nodeModule.createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node')
  const { status } = spawnSync(node, ['--disable-warning=ExperimentalWarning', fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' })
  process.exitCode = status ?? 1
}
