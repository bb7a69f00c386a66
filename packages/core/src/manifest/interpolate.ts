import type { Field } from './field.ts'

const NAME = '[A-Za-z_][A-Za-z0-9_]*'
const MAX_DEPTH = 8

/**
 * Replaces `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:?error}`, `${NAME?error}`,
 * `${NAME:+other}` and `${NAME+other}` by values of `env`; `$$` is a dollar sign. Compose specification,
 * "Interpolation". A variable that is not set becomes empty, with a warning.
 */
function interpolate(text: string, env: Readonly<Record<string, string>>, field: Field): string {
  return expand(text, env, field, 0)
}

function expand(text: string, env: Readonly<Record<string, string>>, field: Field, depth: number): string {
  if (depth > MAX_DEPTH) field.fail(`at most ${MAX_DEPTH} nested variables`)
  let result = ''
  for (let i = 0; i < text.length; ) {
    const dollar = text.indexOf('$', i)
    if (dollar < 0) return result + text.slice(i)
    result += text.slice(i, dollar)
    const rest = text.slice(dollar)
    const plain = new RegExp(`^\\$(${NAME})`).exec(rest)
    if (rest.startsWith('$$')) {
      result += '$'
      i = dollar + 2
    } else if (plain) {
      result += lookUp(plain[1] ?? '', env, field)
      i = dollar + plain[0].length
    } else if (rest.startsWith('${')) {
      const end = closingBrace(rest)
      if (end < 0) field.fail('a closing brace after ${')
      result += expandBraced(rest.slice(2, end), env, field, depth)
      i = dollar + end + 1
    } else field.fail('a variable name after $ (a plain dollar sign is written $$)')
  }
  return result
}

function expandBraced(inner: string, env: Readonly<Record<string, string>>, field: Field, depth: number): string {
  const match = new RegExp(`^(${NAME})(?:(:?[-?+])([\\s\\S]*))?$`).exec(inner)
  if (!match) field.fail('a variable such as ${NAME} or ${NAME:-default}')
  const [, name = '', operator, operand = ''] = match
  const value = Object.hasOwn(env, name) ? env[name] : undefined
  const isSet = operator?.startsWith(':') ? value !== undefined && value !== '' : value !== undefined
  switch (operator?.at(-1)) {
    case '-':
      return isSet ? (value ?? '') : expand(operand, env, field, depth + 1)
    case '+':
      return isSet ? expand(operand, env, field, depth + 1) : ''
    case '?':
      if (!isSet)
        field.refuse(`the variable ${name} must be set${operand ? `: ${operand.slice(0, 120)}` : ''}`, 'Set it in the environment or with --env-file.')
      return value ?? ''
    default:
      return lookUp(name, env, field)
  }
}

function closingBrace(text: string): number {
  let depth = 0
  for (let i = 1; i < text.length; i++) {
    if (text[i] === '{') depth++
    else if (text[i] === '}' && --depth === 0) return i
  }
  return -1
}

function lookUp(name: string, env: Readonly<Record<string, string>>, field: Field): string {
  if (Object.hasOwn(env, name)) return env[name] ?? ''
  field.warn(`the variable ${name} is not set and stands for nothing`)
  return ''
}

/** Interpolates every string below a field; keys stay as they are. */
export function interpolateField(field: Field, env: Readonly<Record<string, string>>): Field {
  const walk = (current: Field): unknown => {
    if (typeof current.value === 'string') return interpolate(current.value, env, current)
    if (current.isList) return current.list().map(walk)
    if (current.isMap) return new Map(current.entries().map(([key, item]) => [key, walk(item)]))
    return current.value
  }
  return field.with(walk(field))
}
