#!/usr/bin/env node
// The command itself. Runs on the Node that came with the project where the one at hand can not run
// TypeScript.
import { VERSION } from './version.mjs'

const [first, ...others] = process.argv.slice(2)
if ((first === '--version' || first === '-V') && others.length === 0) console.log(VERSION)
else if (process.features.typescript) {
  const { keepCompiledCode, packedProgram } = await import('@cloister/packed')
  keepCompiledCode()
  await import(packedProgram(`${import.meta.dirname}/program.ts`, { command: first }))
} else {
  const [{ spawnSync }, { createRequire }] = await Promise.all([
    import('node:child_process'),
    import('node:module'),
  ])
  const node = createRequire(import.meta.url)
    .resolve('node/package.json')
    .replace(/package\.json$/, 'bin/node')
  const { status } = spawnSync(node, ['--disable-warning=ExperimentalWarning', ...process.argv.slice(1)], {
    stdio: 'inherit',
  })
  process.exitCode = status ?? 1
}
