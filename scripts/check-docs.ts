// Says which paths and links in README, CONTRIBUTING, SECURITY, docs/ and its pictures lead nowhere. Pages of
// docs/decisions are left out: they speak of what was there when they were written. Exit 1 if there is any.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const root = join(import.meta.dirname, '..')
const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...filesIn('docs')]
/** Paths begin with one of these folders. */
const FOLDERS = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !/^\.|^node_modules$/.test(entry.name))
  .map(({ name }) => name)
const PATH = new RegExp(`^(${FOLDERS.join('|')})/[\\w./-]*\\w$`)
/** What is built or made when somebody asks for it. */
const MADE = /^(dist|ops\/images)\//

const wrong = pages.flatMap((page) =>
  pathsIn(page)
    .filter(({ path }) => !existsSync(join(root, path)))
    .map(({ path, line }) => `${page}:${line} names ${path}, which is not there`),
)
for (const line of wrong) console.error(`✘ ${line}`)
process.exitCode = wrong.length > 0 ? 1 : 0

function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder))
    .filter((name) => /\.(md|svg)$/.test(name))
    .map((name) => `${folder}/${name}`)
}

/** Paths in code spans and in the text of pictures, and what links lead to. */
function pathsIn(page: string): { path: string; line: number }[] {
  return readFileSync(join(root, page), 'utf8')
    .split('\n')
    .flatMap((text, index) => {
      const named = [...text.matchAll(/`([^`]+)`|>([^<>]+)</g)]
        .map(([, code, label]) => code ?? label ?? '')
        .filter((path) => PATH.test(path) && !MADE.test(path))
      const linked = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
        .map(([, target = '']) => target)
        .filter((target) => !/^[a-z]+:/.test(target))
        .map((target) => join(dirname(page), target))
      return [...named, ...linked].map((path) => ({ path, line: index + 1 }))
    })
}
