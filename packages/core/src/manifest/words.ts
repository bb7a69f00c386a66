/** Splits a command line into words as a POSIX shell quotes them; undefined where a quote stays open. */
export function splitWords(line: string): string[] | undefined {
  const words: string[] = []
  let word: string | undefined
  for (let i = 0; i < line.length; i++) {
    const c = line[i] ?? ''
    if (/\s/.test(c)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (c === "'" || c === '"') {
      const end = closingQuote(line, i)
      if (end < 0) return undefined
      const inner = line.slice(i + 1, end)
      word = (word ?? '') + (c === '"' ? inner.replace(/\\(["\\$`])/g, '$1') : inner)
      i = end
    } else if (c === '\\' && i + 1 < line.length) word = (word ?? '') + line[++i]
    else word = (word ?? '') + c
  }
  if (word !== undefined) words.push(word)
  return words
}

function closingQuote(line: string, start: number): number {
  const quote = line[start]
  for (let i = start + 1; i < line.length; i++) {
    if (quote === '"' && line[i] === '\\') i++
    else if (line[i] === quote) return i
  }
  return -1
}
