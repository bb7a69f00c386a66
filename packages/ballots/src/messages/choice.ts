import { CloisterError } from '@cloister/core'
import type { RawChoice } from './vote.ts'

/** Kinds of ballots, by Snapshot's names. Others exist there, and are refused with the reason. */
export const KINDS = ['basic', 'single-choice', 'approval', 'weighted', 'ranked-choice'] as const
export type Kind = (typeof KINDS)[number]

/** What the choices of a basic ballot are. */
export const BASIC_CHOICES = ['For', 'Against', 'Abstain'] as const

/** Choices that a ballot of a kind may have, at most: what the chain can count exactly. */
export const MOST_CHOICES = {
  basic: 3,
  'single-choice': 64,
  approval: 64,
  weighted: 16,
  'ranked-choice': 4,
} as const satisfies Record<Kind, number>

/** Bytes that the JSON of weights may have, and the greatest weight. */
const MAX_WEIGHTS_BYTES = 177
const MAX_WEIGHT = 2 ** 16 - 1

/** A choice that was read: numbers count from 1. */
export type Choice =
  | { form: 'one'; choice: number }
  | { form: 'some'; choices: readonly number[] }
  | { form: 'order'; order: readonly number[] }
  /** By choice, from the first. */
  | { form: 'weights'; weights: readonly number[] }

const NOT_COUNTED: Record<string, string> = {
  quadratic: 'square roots of power reward whoever splits it over many accounts, and have no exact sum',
  copeland: 'the chain counts rankings by instant run-off',
  shutter: 'votes that are encrypted can only be counted once somebody gives the key out',
}

/** A kind by Snapshot's name. Throws `bad-request` with the reason why a kind is not counted. */
export function parseKind(name: string): Kind {
  const kind = KINDS.find((one) => one === name)
  if (kind) return kind
  const why = NOT_COUNTED[name]
  throw new CloisterError(
    'bad-request',
    why ? `Ballots can not be ${name}: ${why}.` : `${name.slice(0, 40)} is no kind of ballot.`,
    { hint: `Kinds are: ${KINDS.join(', ')}.` },
  )
}

/** Reads a vote's choice on a ballot. Throws `bad-request` with the reason where it can't be counted. */
export function readChoice(kind: Kind, count: number, choice: RawChoice): Choice {
  switch (kind) {
    case 'basic':
    case 'single-choice':
      if (typeof choice !== 'number') throw refused('it is no number')
      return { form: 'one', choice: within(choice, count) }
    case 'approval': {
      const choices = listOf(choice, count)
      if (choices.length === 0) throw refused('it names no choice')
      return { form: 'some', choices }
    }
    case 'ranked-choice': {
      const order = listOf(choice, count)
      if (order.length !== count)
        throw refused(`it ranks ${order.length} of ${count} choices, and has to rank all`)
      return { form: 'order', order }
    }
    case 'weighted':
      if (typeof choice !== 'string') throw refused('its weights are no JSON text')
      return { form: 'weights', weights: parseWeights(choice, count) }
  }
}

function within(choice: number, count: number): number {
  if (Number.isInteger(choice) && choice >= 1 && choice <= count) return choice
  throw refused(`${choice} is none of the choices 1 to ${count}`)
}

function listOf(choice: RawChoice, count: number): number[] {
  if (!Array.isArray(choice)) throw refused('it is no list')
  const found = choice.map((one) => within(one, count))
  if (new Set(found).size !== found.length) throw refused('it names a choice twice')
  return found
}

const WEIGHT = '"[1-9]\\d?":(0|[1-9]\\d{0,4})'
const WEIGHTS = new RegExp(`^\\{${WEIGHT}(,${WEIGHT})*\\}$`)

/**
 * Weights as snapshot.js writes them, `{"1":3,"2":1}`: no spaces, whole numbers, each choice once. Exactly
 * what the contract reads.
 */
function parseWeights(json: string, count: number): number[] {
  if (json.length > MAX_WEIGHTS_BYTES)
    throw refused(`its weights have more than ${MAX_WEIGHTS_BYTES} characters`)
  if (!WEIGHTS.test(json))
    throw refused('its weights are not as {"1":3,"2":1}, with whole numbers and no spaces')
  const weights = new Array<number>(count).fill(0)
  const seen = new Set<number>()
  for (const [, key, value] of json.matchAll(/"(\d+)":(\d+)/g)) {
    const choice = within(Number(key), count)
    if (seen.has(choice)) throw refused(`it weighs choice ${choice} twice`)
    seen.add(choice)
    if (Number(value) > MAX_WEIGHT) throw refused(`a weight is more than ${MAX_WEIGHT}`)
    weights[choice - 1] = Number(value)
  }
  if (weights.every((weight) => weight === 0)) throw refused('all its weights are zero')
  return weights
}

function refused(why: string): CloisterError {
  return new CloisterError('bad-request', `The choice can not be counted: ${why}.`)
}
