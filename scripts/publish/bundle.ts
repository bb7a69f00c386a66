import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { build, type Metafile, type Plugin } from 'esbuild'
import { LEFT_OUT, REQUIRE, unused } from '../../packages/packed/src/left-out.mjs'
import { ROOT } from './workspace.ts'

/** Where, below the bundle, what is looked for beside a source lies, as it does beside that source. */
export const OWN = 'own'
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

/** What a bundle is made of. */
export interface Bundled {
  /** First files by the name that the program has in the bundle. */
  programs: Record<string, string>
  /** Files and folders that sources look for beside themselves. */
  files: readonly string[]
  /** Where the bundle is written. */
  folder: string
  /** The oldest Node that it runs on. */
  target: string
  /** Other people's packages: installed beside the bundle, or in it, as the lockfile has them. */
  others: 'beside' | 'inside'
}

/** Bundles programs: our own packages are in it, and what they share is there once. */
export async function bundle({ programs, files, folder, target, others }: Bundled): Promise<Metafile> {
  const inside = others === 'inside'
  const { metafile } = await build({
    entryPoints: programs,
    absWorkingDir: ROOT,
    outdir: folder,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target,
    legalComments: inside ? 'linked' : 'none',
    metafile: true,
    ...(inside && { external: LEFT_OUT, banner: { js: REQUIRE } }),
    plugins: [published, ownPaths, inside ? unused : othersOutside],
    logLevel: 'error',
  })
  for (const path of files) {
    const copied = join(folder, OWN, path)
    mkdirSync(dirname(copied), { recursive: true })
    cpSync(join(ROOT, path), copied, { recursive: true })
  }
  return metafile
}

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
