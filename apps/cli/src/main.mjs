#!/usr/bin/env node
// The command itself. Runs on the Node that came with the project where the one at hand can not run
// TypeScript.
import { keepCompiledCode, packedProgram } from '@cloister/packed'

if (process.features.typescript) {
  keepCompiledCode()
  await import(packedProgram(`${import.meta.dirname}/program.ts`))
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
