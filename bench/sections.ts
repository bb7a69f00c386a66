import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Where documents are. */
export const DOCS = resolve(import.meta.dirname, '../docs')

/**
 * Puts each text between its marks in a page of the documents: `<!-- name -->` and `<!-- end of name -->`.
 */
export function writeSections(page: string, sections: Readonly<Record<string, string>>): void {
  const path = join(DOCS, page)
  let text = readFileSync(path, 'utf8')
  for (const [name, section] of Object.entries(sections)) {
    const [from, to] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`]
    const [start, end] = [text.indexOf(from), text.indexOf(to)]
    if (start < 0 || end < start) throw new Error(`docs/${page} has no place for ${name}`)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is taken out
    const plain = section.replace(/\u001b\[\d+m/g, '')
    text = `${text.slice(0, start)}${from}\n\`\`\`text\n${plain}\n\`\`\`\n${text.slice(end)}`
  }
  writeFileSync(path, text)
}
