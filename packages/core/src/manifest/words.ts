/** Words of a command line, and what of the line is not read. */
export interface Words {
  words: string[]
  /** From the operator on that ends the command; empty where all was read. */
  rest: string
}

const SPACE = /[ \t\r\n]/
const OPERATOR = /[;&|<>]/

/**
 * Splits a command line into words as Docker Compose does, which is not quite as a shell: a backslash takes
 * the next character as it is, in double quotes as well; `$(…)` and what is between backticks stay as they
 * are; an operator such as `&&` ends the command, and what comes after it is not read. Undefined where a
 * quote stays open, or a bracket stands alone.
 *
 * Source: mattn/go-shellwords 1.0.12, `Parse`, with its default settings.
 */
export function splitWords(line: string): Words | undefined {
  const words: string[] = []
  let word: string | undefined
  let quote: '"' | "'" | '`' | '(' | undefined
  let at = 0
  for (; at < line.length; at++) {
    const c = line[at] ?? ''
    if (c === '\\' && quote !== "'") {
      if (++at >= line.length) return undefined
      word = (word ?? '') + line[at]
    } else if (SPACE.test(c)) {
      if (quote !== undefined) word = (word ?? '') + c
      else if (word !== undefined) {
        words.push(word)
        word = undefined
      }
    } else if ((c === '"' || c === "'") && (quote === undefined || quote === c)) {
      quote = quote === c ? undefined : c
      word ??= ''
    } else if (c === '`' && (quote === undefined || quote === c)) {
      quote = quote === c ? undefined : c
      word = (word ?? '') + c
    } else if (c === '(' && quote === undefined) {
      if (!word?.endsWith('$')) return undefined
      quote = c
      word += c
    } else if (c === ')' && (quote === undefined || quote === '(')) {
      if (quote === undefined) return undefined
      quote = undefined
      word = (word ?? '') + c
    } else if (OPERATOR.test(c) && quote === undefined) {
      // `2>` takes its number with it.
      if (c === '>' && /^\d/.test(word ?? '')) word = undefined
      break
    } else word = (word ?? '') + c
  }
  if (quote !== undefined) return undefined
  if (word !== undefined) words.push(word)
  return { words, rest: line.slice(at) }
}
