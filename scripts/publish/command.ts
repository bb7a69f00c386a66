import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { build, type Plugin } from 'esbuild'
import { packageOf } from './reach.ts'
import { type Member, ROOT } from './workspace.ts'

/** Where, below the bundle, what is looked for beside a source lies, as it does beside that source. */
const OWN = 'own'
const PROGRAMS = {
  cloister: 'apps/cli/src/program.ts',
  [`${OWN}/packages/executors/src/oci/unpack-main`]: 'packages/executors/src/oci/unpack-main.ts',
}
/** Files that sources look for beside themselves. */
const BESIDE = [
  'packages/executors/src/sandbox/kernel.pl',
  'packages/executors/src/sandbox/seccomp-docker.json',
  'packages/executors/src/network/way-out.pl',
]
/** What programs of a clone are told about packs of theirs; published, each is a program already. */
const PUBLISHED = `
import * as nodeModule from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
export const packedFolder = () => join(homedir(), '.cache', 'cloister')
export const packedProgram = (source) => source.replace(/\\.ts$/, '.js')
export const keepCompiledCode = () => nodeModule.enableCompileCache?.()
export { giveBackAfterStart } from ${JSON.stringify(join(ROOT, 'packages/packed/src/packed.mjs'))}
`

/**
 * Bundles the command line into `made`: our own packages are in it, everybody else's are installed beside
 * it. Returns what it needs, by name, with the version that the workspace has.
 */
export async function bundleCommand(
  workspace: Map<string, Member>,
  made: string,
): Promise<Record<string, string>> {
  const { metafile } = await build({
    entryPoints: PROGRAMS,
    absWorkingDir: ROOT,
    outdir: join(made, 'dist'),
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    legalComments: 'none',
    metafile: true,
    plugins: [published, ownPaths, othersOutside],
    logLevel: 'error',
  })
  writeFileSync(join(made, 'dist/main.js'), MAIN, { mode: 0o755 })
  for (const path of BESIDE) {
    const target = join(made, 'dist', OWN, path)
    mkdirSync(dirname(target), { recursive: true })
    cpSync(join(ROOT, path), target)
  }
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

const published: Plugin = {
  name: 'published',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@cloister\/packed$/ }, ({ path }) => ({ path, namespace: 'published' }))
    onLoad({ filter: /.*/, namespace: 'published' }, () => ({ contents: PUBLISHED, resolveDir: ROOT }))
  },
}

/**
 * Sources that look for files beside themselves find them below the bundle, whose parts all lie in one
 * folder.
 */
const ownPaths: Plugin = {
  name: 'own-paths',
  setup({ onLoad }) {
    onLoad({ filter: /\.(ts|m?js)$/, namespace: 'file' }, ({ path }) => {
      const text = readFileSync(path, 'utf8')
      if (!text.includes('import.meta')) return undefined
      const place = JSON.stringify(`./${OWN}/${relative(ROOT, path)}`)
      const own = [
        "import { dirname as folderOf } from 'node:path'",
        "import { fileURLToPath as pathOf } from 'node:url'",
        `const ownUrl = new URL(${place}, import.meta.url).href, ownFolder = folderOf(pathOf(ownUrl))`,
      ]
      const body = text
        .replace(/^#!.*/, '')
        .replace(/\bimport\.meta\.(url|dirname)\b/g, (_, name: string) => OWN_NAMES[name] ?? '')
      return { contents: `${own.join(';')};${body}`, loader: path.endsWith('.ts') ? 'ts' : 'js' }
    })
  },
}
const OWN_NAMES: Record<string, string> = { url: 'ownUrl', dirname: 'ownFolder' }

/** What others wrote is installed beside the bundle. */
const othersOutside: Plugin = {
  name: 'others-outside',
  setup({ onResolve }) {
    onResolve({ filter: /^[^./#]/ }, ({ path, kind }) =>
      kind === 'entry-point' || path.startsWith('@cloister/') ? undefined : { path, external: true },
    )
  },
}

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
