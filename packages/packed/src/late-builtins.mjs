import { createRequire } from 'node:module'

/**
 * Parts of Node that take long to read and that few of the code's paths need. What isn't here is either
 * there already when a program starts, or a function or class itself.
 */
const LATE = new Set([
  'child_process',
  'crypto',
  'dns',
  'dns/promises',
  'fs',
  'fs/promises',
  'http',
  'http2',
  'https',
  'net',
  'os',
  'readline',
  'readline/promises',
  'string_decoder',
  'tls',
  'util',
  'worker_threads',
  'zlib',
])
const NAME = /^[A-Za-z_$][\w$]*$/
const require = createRequire(import.meta.url)

/**
 * For esbuild: reads parts of Node when they are first used, not when they are imported. An `import` of
 * `node:http`, for one, reads all that it exports, so a whole client for HTTP that nobody may call.
 */
export const lateBuiltins = {
  name: 'late-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?[a-z0-9_]+(\/promises)?$/ }, ({ path }) => {
      const name = path.replace(/^node:/, '')
      return LATE.has(name) ? { path: name, namespace: 'builtin' } : undefined
    })
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({ contents: lateModule(path) }))
  },
}

/**
 * A module that has what a part of Node exports, read when any of it is asked for. What is set stays with
 * whom it is set on: some libraries make an object of which a part of Node is the prototype.
 */
function lateModule(name) {
  const names = Object.getOwnPropertyNames(require(name)).filter((key) => NAME.test(key))
  const members = names.map(
    (key) => `get ${key}(){return part().${key}},set ${key}(to){put(this,"${key}",to)}`,
  )
  const lines = [
    'let found',
    `const part=()=>found??=process.getBuiltinModule(${JSON.stringify(name)})`,
    'const put=(on,key,value)=>Object.defineProperty(on,key,{value,writable:true,enumerable:true,configurable:true})',
    `module.exports={${members.join(',')}}`,
  ]
  return lines.join('\n')
}
