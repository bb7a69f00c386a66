import { writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { bundle, OWN } from './bundle.ts'
import { packageOf } from './reach.ts'
import type { Member } from './workspace.ts'

export const COMMAND_PROGRAMS = {
  cloister: 'apps/cli/src/program.ts',
  [`${OWN}/packages/executors/src/oci/unpack-main`]: 'packages/executors/src/oci/unpack-main.ts',
  [`${OWN}/packages/executors/src/volumes/fill-main`]: 'packages/executors/src/volumes/fill-main.ts',
  [`${OWN}/packages/executors/src/volumes/read-main`]: 'packages/executors/src/volumes/read-main.ts',
}
/** Files that sources look for beside themselves. */
export const COMMAND_FILES = [
  'packages/executors/src/sandbox/kernel.pl',
  'packages/executors/src/sandbox/seccomp-docker.json',
  'packages/executors/src/network/way-out.pl',
]
/**
 * Bundles the command line into `made`: our own packages are in it, everybody else's are installed beside
 * it. Returns what it needs, by name, with the version that the workspace has.
 */
export async function bundleCommand(
  workspace: Map<string, Member>,
  made: string,
): Promise<Record<string, string>> {
  const metafile = await bundle({
    programs: COMMAND_PROGRAMS,
    files: COMMAND_FILES,
    folder: join(made, 'dist'),
    target: 'node20',
    others: 'beside',
  })
  writeFileSync(join(made, 'dist/main.js'), MAIN, { mode: 0o755 })
  const others = Object.values(metafile.outputs).flatMap(({ imports }) =>
    imports.filter(({ external }) => external).map(({ path }) => packageOf(path)),
  )
  return versions(workspace, [...new Set(others)].filter((name) => !isBuiltin(name)).sort())
}

const MAIN = `#!/usr/bin/env node
import * as nodeModule from 'node:module'

nodeModule.enableCompileCache?.()
await import('./cloister.js')
`

function isBuiltin(name: string): boolean {
  return name.startsWith('node:') || builtinModules.includes(name)
}

function versions(workspace: Map<string, Member>, names: string[]): Record<string, string> {
  const known = Object.assign(
    {},
    ...[...workspace.values()].map(({ description }) => description.dependencies),
  ) as Record<string, string>
  return Object.fromEntries(
    names.map((name) => {
      const version = known[name]
      if (version === undefined) throw new Error(`The command line imports ${name}, which no package names.`)
      return [name, version]
    }),
  )
}
