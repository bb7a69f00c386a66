import { CloisterError } from '@cloister/core'

/** A whole number from 1 on, as an option says it. Throws `bad-option`. */
export function countOf(text: string, option: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text)
  throw new CloisterError('bad-option', `${option} takes a number from 1 on, not ${text.slice(0, 20)}.`)
}
