/**
 * Fails where a comment or a paragraph is wider than 110 characters. The formatters see to code; tables, and
 * what stands in code blocks of documents, may be as wide as they have to be.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const WIDTH = 110
const FILES = ['*.ts', '*.mjs', '*.js', '*.sol', '*.pl', '*.md']
const COMMENT = /^\s*(\/\/|\/?\*|#)/
const UNWRAPPED = /^\s*(\||\[[^\]]+\]: )/

const paths = execFileSync('git', ['ls-files', '-co', '--exclude-standard', ...FILES], { encoding: 'utf8' })
const wide = paths
  .trim()
  .split('\n')
  .filter((path) => !/\/generated\/|^contracts\/snapshots\//.test(path))
  .flatMap((path) => (path.endsWith('.md') ? wideParagraphs(path) : wideComments(path)))
for (const place of wide) console.error(`${place} is wider than ${WIDTH} characters.`)
process.exitCode = wide.length > 0 ? 1 : 0

function wideComments(path: string): string[] {
  return places(path, (line) => COMMENT.test(line))
}

function wideParagraphs(path: string): string[] {
  let isCode = false
  return places(path, (line) => {
    if (/^\s*```/.test(line)) isCode = !isCode
    return !isCode && !UNWRAPPED.test(line)
  })
}

function places(path: string, isProse: (line: string) => boolean): string[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.flatMap((line, i) => (isProse(line) && [...line].length > WIDTH ? [`${path}:${i + 1}`] : []))
}
