import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'

/**
 * Builds `verify.html`: one file without any dependency, which checks evidence in the browser and can't talk
 * to anybody (its content security policy forbids it). Returns its text.
 */
export async function buildVerifyPage(): Promise<string> {
  const bundled = await build({
    entryPoints: [join(import.meta.dirname, 'page.ts')],
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
  const style = readFileSync(join(import.meta.dirname, 'page.css'), 'utf8')
  const policy = `default-src 'none'; script-src '${hashOf(script)}'; style-src '${hashOf(style)}'; base-uri 'none'; form-action 'none'`
  return readFileSync(join(import.meta.dirname, 'page.html'), 'utf8')
    .replace('POLICY', () => policy)
    .replace('/* STYLE */', () => style)
    .replace('/* SCRIPT */', () => script)
}

/** Writes the page to a file. */
export async function writeVerifyPage(path: string): Promise<void> {
  const page = await buildVerifyPage()
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, page)
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
