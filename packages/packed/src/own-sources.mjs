// What packs change in sources of ours as they read them.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT } from './packed.mjs'

/** What applications import in namespaces, of which a program uses a few functions each. */
const SDK = 'packages/sdk/src/index.ts'

/**
 * For esbuild: changes in sources that are read from files. Where `actionOf` names a file, a command of which
 * a pack is made takes its action from there by an import that is no call (see `imported`).
 */
export function changedSources(actionOf = () => undefined) {
  const namespaces = namespacesOf(readFileSync(join(ROOT, SDK), 'utf8'))
  return {
    name: 'own-sources',
    setup({ onLoad }) {
      onLoad({ filter: /\.(ts|m?js)$/, namespace: 'file' }, ({ path }) => {
        const text = readFileSync(path, 'utf8')
        const paths = text.includes('import.meta') ? ownPaths(path) : ''
        const isOurs = path.endsWith('.ts') && !path.includes('/node_modules/')
        const changed = isOurs ? imported(straight(text, namespaces), path, actionOf()) : text
        if (paths === '' && changed === text) return undefined
        return { contents: paths + changed.replace(/^#!.*/, ''), loader: path.endsWith('.ts') ? 'ts' : 'js' }
      })
    },
  }
}

/** What looks for files beside itself finds them where it lies, not where it is packed. */
export const OWN_PATHS = { 'import.meta.url': 'ownUrl', 'import.meta.dirname': 'ownFolder' }

function ownPaths(path) {
  const [url, folder] = [pathToFileURL(path).href, dirname(path)].map((text) => JSON.stringify(text))
  return `const ownUrl = ${url}, ownFolder = ${folder};`
}

/** The files of namespaces that the index of a package exports, by name. */
function namespacesOf(index) {
  const found = index.matchAll(/^export \* as (\w+) from '(.+)'$/gm)
  return new Map([...found].map(([, name, path]) => [name, join(ROOT, dirname(SDK), path)]))
}

/**
 * The text with each namespace of the SDK imported from where it is. esbuild keeps all of a namespace that
 * another file exports, and only what is used of one that is imported straight.
 */
export function straight(text, namespaces) {
  return text.replace(/^import \{([^}]*)\} from '@cloister\/sdk'$/gm, (_, list) => {
    const names = list
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
    const own = names.filter((name) => namespaces.has(name))
    const imports = own.map((name) => `import * as ${name} from ${JSON.stringify(namespaces.get(name))};`)
    const others = names.filter((name) => !namespaces.has(name)).join(', ')
    return `${imports.join('')}import { ${others} } from '@cloister/sdk'`
  })
}

/**
 * The text of a file that adds commands, with the call that imports `action` made an import: what is
 * imported by a call is packed as hundreds of functions, each called when the ones it needs were.
 */
export function imported(text, path, action) {
  if (action === undefined || dirname(path) !== dirname(action)) return text
  const call = `await import('./${action.slice(dirname(action).length + 1)}')`
  const changed = text.replaceAll(call, 'ownAction')
  return changed === text ? text : `import * as ownAction from ${JSON.stringify(action)};${changed}`
}
