import { storable, storableText } from './storable.ts'

/** What an array may have in it as it is: `null` is shorter. */
const PLAIN = /^[\w.:/-]{5,256}$/
const TO_ESCAPE = /["\\]/g

/**
 * A column's values as PostgreSQL's text of an array (documentation, "Array Input and Output Syntax"), each
 * as it can be stored in a column of type `type`.
 */
export function arrayLiteral(values: readonly unknown[], type: string): string {
  const write = type === 'jsonb' ? jsonElement : (value: unknown) => element(value, type)
  let text = '{'
  for (const [at, value] of values.entries())
    text += `${at === 0 ? '' : ','}${value === undefined || value === null ? 'NULL' : write(value)}`
  return `${text}}`
}

function element(value: unknown, type: string): string {
  if (typeof value === 'string') return PLAIN.test(value) ? value : quoted(storableText(value))
  const stored = storable(value, type)
  return stored === null ? 'NULL' : String(stored)
}

function jsonElement(value: unknown): string {
  return quoted(JSON.stringify(storable(value, 'jsonb')))
}

function quoted(text: string): string {
  return `"${text.replace(TO_ESCAPE, '\\$&')}"`
}
