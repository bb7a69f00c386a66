// What `npm ci` has brought in so far, while it says nothing itself: on a terminal in one line that changes,
// elsewhere a line every ten seconds.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const LIVE_MS = 500
const LINE_MS = 10_000

/** Tells of it until the function that it gives is called. */
export function showInstalling(root, out = process.stdout) {
  const began = Date.now()
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  // Optional ones are mostly for other machines; links are our own packages.
  const wanted = Object.entries(packages)
    .filter(([path, { optional, link }]) => path.includes('node_modules/') && !optional && !link)
    .map(([path]) => join(root, path, 'package.json'))
  const line = () => {
    const there = wanted.filter((path) => existsSync(path)).length
    return `  npm ci  ${Math.round((Date.now() - began) / 1000)} s  ${there} of ${wanted.length} packages are here`
  }
  const tell = () => out.write(out.isTTY ? `\r\x1b[K${line()}` : `${line()}\n`)
  const timer = setInterval(tell, out.isTTY ? LIVE_MS : LINE_MS)
  return () => {
    clearInterval(timer)
    if (out.isTTY) out.write('\r\x1b[K')
    out.write(`${line()}\n`)
  }
}
