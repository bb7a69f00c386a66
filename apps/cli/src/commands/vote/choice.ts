import type { Ballot, RawChoice } from '@cloister/ballots'
import { CloisterError } from '@cloister/core'
import { printable } from '@cloister/terminal'

/**
 * A choice as it is typed: numbers from 1 or names; several for `approval`, all in order for `ranked-choice`,
 * `NAME=WEIGHT` for `weighted`. Throws `bad-option`.
 */
export function parseChoice({ kind, choices }: Ballot, words: string[]): RawChoice {
  if (kind === 'weighted') return weightsOf(choices, words)
  const numbers = words.map((word) => numberOf(choices, word))
  if (kind === 'approval' || kind === 'ranked-choice') return numbers
  const [only] = numbers
  if (only !== undefined && numbers.length === 1) return only
  throw new CloisterError('bad-option', 'On this ballot one choice is made.', { hint: hintOf(choices) })
}

function weightsOf(choices: string[], words: string[]): string {
  const weights = words.map((word) => {
    const [, name = '', weight = ''] = /^(.+)=(\d{1,5})$/.exec(word) ?? []
    if (name === '')
      throw new CloisterError('bad-option', `${word.slice(0, 60)} is no weight.`, {
        hint: 'Weights are typed as NAME=NUMBER, such as 1=70 2=30.',
      })
    return `"${numberOf(choices, name)}":${Number(weight)}`
  })
  return `{${weights.join(',')}}`
}

function numberOf(choices: string[], word: string): number {
  if (/^\d{1,2}$/.test(word)) return Number(word)
  const found = choices.findIndex((one) => one.toLowerCase() === word.toLowerCase())
  if (found >= 0) return found + 1
  throw new CloisterError('bad-option', `${word.slice(0, 60)} is none of the choices.`, {
    hint: hintOf(choices),
  })
}

function hintOf(choices: string[]): string {
  return `Choices are: ${choices.map((one, at) => `${at + 1} ${printable(one)}`).join(', ')}.`
}
