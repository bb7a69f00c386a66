import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Member } from './workspace.ts'

/** What of a package is published: what its doors lead to. */
export interface Reach {
  /** Compiled files, relative to the package's folder. */
  files: string[]
  /** `exports` and `imports` of its package.json, compiled. */
  doors: Record<string, { types: string; default: string }>
  imports: Record<string, Record<string, string>> | undefined
  /** What those files import, with the version that the package names. */
  dependencies: Record<string, string>
}

/** As the compiler writes them: a statement a line, or a call. */
const IMPORTED =
  /^(?:(?:import|export)\b[^'"\n]*?\bfrom|import)\s+['"]([^'"\n]+)['"]|\bimport\(['"]([^'"\n]+)['"]\)/gm

/**
 * Follows the doors of a package, compiled at `folder`, to everything they lead to. A package that names
 * `published` doors in its package.json has only those. Throws where something is imported that it doesn't
 * name as a dependency.
 */
export function reachOf({ description }: Member, folder: string): Reach {
  const { name, exports, imports, published = Object.keys(exports), dependencies = {} } = description
  const doors = Object.fromEntries(
    published.map((door) => {
      const compiled = compiledOf(exports[door] ?? '')
      return [door, { types: compiled.replace(/js$/, 'd.ts'), default: compiled }]
    }),
  )
  const inner = Object.entries(imports ?? {}).map(
    ([at, places]) =>
      [
        at,
        Object.fromEntries(Object.entries(places).map(([where, source]) => [where, compiledOf(source)])),
      ] as const,
  )
  const files = new Set<string>()
  const needed = new Set<string>()
  const visit = (path: string): void => {
    if (files.has(path)) return
    files.add(path)
    for (const [, stated, called] of readFileSync(join(folder, path), 'utf8').matchAll(IMPORTED)) {
      const imported = stated ?? called ?? ''
      // Types name sources, which have become modules.
      if (imported.startsWith('.')) visitBoth(join(dirname(path), imported.replace(/\.ts$/, '.js')))
      else if (!imported.startsWith('node:') && !imported.startsWith('#')) needed.add(packageOf(imported))
    }
  }
  /** A module and its types. */
  const visitBoth = (path: string): void => {
    visit(path)
    visit(path.replace(/\.js$/, '.d.ts'))
  }
  const starts = [
    ...Object.values(doors).map((door) => door.default),
    ...inner.flatMap(([, places]) => Object.values(places)),
  ]
  for (const start of starts) visitBoth(start.replace('./dist/', 'src/'))
  needed.delete(name)
  return {
    files: [...files],
    doors,
    imports: imports && Object.fromEntries(inner),
    dependencies: Object.fromEntries([...needed].sort().map((other) => [other, versionOf(other)])),
  }

  function versionOf(other: string): string {
    const version = dependencies[other]
    if (version === undefined) throw new Error(`${name} imports ${other}, which it doesn't name.`)
    return version
  }
}

/** Where a source is, compiled and published. */
function compiledOf(source: string): string {
  return source.replace('./src/', './dist/').replace(/\.ts$/, '.js')
}

/** The package that a bare import leads to. */
export function packageOf(path: string): string {
  return path.split('/', path.startsWith('@') ? 2 : 1).join('/')
}
