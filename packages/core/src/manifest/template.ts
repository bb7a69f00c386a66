import type { Hint } from '../errors/hint.ts'
/** Where the value of a variable comes from; undefined where it isn't set. */
export type LookUp = (name: string) => string | undefined

/** A text whose variables can't be filled in, with what would do. */
export class TemplateError extends Error {
  readonly accepted: Hint

  constructor(problem: string, accepted: Hint) {
    super(problem)
    this.accepted = accepted
  }
}

const NAME = '[_a-zA-Z][_a-zA-Z0-9]*'
/** `$$`, `$NAME`, `${NAME` that is closed or goes on with an operator, or a `${` that is none of these. */
const VARIABLE = new RegExp(`\\$(?:(\\$)|(${NAME})|\\{(?:(${NAME})(?=:?[-+?]|\\})|()))`, 'g')
const BRACED = new RegExp(`^(${NAME})(?:(:?[-+?])([^]*))?$`)
const MAX_DEPTH = 32
/** What a text may become, and all of a file's together. */
export const MOST_CHARACTERS = 4 * 1024 * 1024

/**
 * Replaces `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:?error}`, `${NAME?error}`,
 * `${NAME:+other}` and `${NAME+other}`, nested as deep as people nest; `$$` is a dollar sign, and a dollar
 * sign before anything else is one too. `unset` is told of variables that stand for nothing. Throws a
 * TemplateError.
 *
 * Source: compose-spec/compose-go v2, `template/template.go`.
 */
export function fillIn(text: string, lookUp: LookUp, unset: (name: string) => void, depth = 0): string {
  if (depth > MAX_DEPTH)
    throw new TemplateError('its variables are nested too deep', `At most ${MAX_DEPTH} levels.`)
  let result = ''
  let at = 0
  // Looked up once a line, so that a line of many variables takes no longer than its length.
  let line = { end: -1, lastBrace: -1 }
  const pattern = new RegExp(VARIABLE)
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    const [whole, dollar, named, braced] = match
    result += text.slice(at, match.index)
    at = match.index + whole.length
    if (at > line.end) {
      const end = text.indexOf('\n', at)
      line = {
        end: end < 0 ? text.length : end,
        lastBrace: text.lastIndexOf('}', end < 0 ? text.length : end),
      }
    }
    if (dollar !== undefined) result += '$'
    else if (named !== undefined) result += valueFor(named)
    else if (braced === undefined || line.lastBrace < at)
      throw new TemplateError(
        `${JSON.stringify(whole.slice(0, 40))} begins no variable`,
        'Write ${NAME}, ${NAME:-default}, or $$ for a dollar sign.',
      )
    else {
      // What is never balanced goes up to the last brace of the line.
      const end = closingBrace(text, match.index, line.lastBrace)
      result += expand(text.slice(match.index + 2, end))
      at = end + 1
    }
    if (result.length > MOST_CHARACTERS)
      throw new TemplateError(
        'it grows too long',
        `At most ${MOST_CHARACTERS} characters with its variables filled in.`,
      )
    pattern.lastIndex = at
  }
  return result + text.slice(at)

  function valueFor(name: string): string {
    const value = lookUp(name)
    if (value === undefined) unset(name)
    return value ?? ''
  }

  function expand(inner: string): string {
    const [, name = '', operator, operand = ''] = BRACED.exec(inner) ?? []
    if (name === '')
      throw new TemplateError(
        `${JSON.stringify(inner.slice(0, 40))} is no variable`,
        'Write ${NAME} or ${NAME:-default}.',
      )
    if (operator === undefined) return valueFor(name)
    const value = lookUp(name)
    const isSet = value !== undefined && (!operator.startsWith(':') || value !== '')
    const other = () => fillIn(operand, lookUp, unset, depth + 1)
    if (operator.endsWith('-')) return isSet ? value : other()
    if (operator.endsWith('+')) return value !== undefined && isSet ? other() : (value ?? '')
    if (isSet) return value
    const reason = other()
    throw new TemplateError(`the variable ${name} must be set${reason ? `: ${reason.slice(0, 120)}` : ''}`, {
      do: 'set-variable',
    })
  }
}

/**
 * Where the brace is closed that opens after the dollar sign at `start`; `last` where it isn't before that.
 */
function closingBrace(text: string, start: number, last: number): number {
  let open = 0
  for (let i = start; i < last; i++) {
    if (text[i] === '}' && --open === 0) return i
    if (text[i] === '{') {
      open++
      i++
    }
  }
  return last
}
