import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'

export async function packPage(folder) {
  const bundled = await build({
    entryPoints: [join(folder, 'page.ts')],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    target: 'es2023',
    charset: 'ascii',
    legalComments: 'none',
  })
  // A closing tag inside a string would end the script.
  const script = (bundled.outputFiles[0]?.text ?? '').replaceAll('</script', '<\\/script')
  const sheets = [join(import.meta.dirname, 'page.css'), join(folder, 'page.css')]
  const style = sheets
    .filter((path) => existsSync(path))
    .map((path) => readFileSync(path, 'utf8'))
    .join('')
  const policy = `default-src 'none'; script-src '${hashOf(script)}'; style-src '${hashOf(style)}'; base-uri 'none'; form-action 'none'`
  return readFileSync(join(folder, 'page.html'), 'utf8')
    .replace('POLICY', () => policy)
    .replace('/* STYLE */', () => style)
    .replace('/* SCRIPT */', () => script)
}

export async function writePage(folder, path) {
  const page = await packPage(folder)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, page)
}

function hashOf(text) {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
