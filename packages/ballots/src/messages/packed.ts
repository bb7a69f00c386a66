import { type Hex, stringToHex } from 'viem'
import type { Choice, Kind } from './choice.ts'
import type { RawChoice } from './vote.ts'

const BYTE = 8
const UINT32_BYTES = 4
const WEIGHT_BITS = 16n
const RANK_BITS = 4n

/** A choice as a row that is posted has it (`IBallots.post`). */
export function choiceBytes(choice: RawChoice): Hex {
  if (typeof choice === 'string') return stringToHex(choice)
  const numbers = typeof choice === 'number' ? [choice] : choice
  const digits = numbers.map((one) => one.toString(16).padStart((UINT32_BYTES * BYTE) / 4, '0'))
  return `0x${digits.join('')}`
}

/** A choice as the contract keeps it (`IBallots.Vote.choice`). */
export function packChoice(choice: Choice): bigint {
  switch (choice.form) {
    case 'one':
      return BigInt(choice.choice)
    case 'some':
      return choice.choices.reduce((bits, one) => bits | (1n << BigInt(one - 1)), 0n)
    case 'weights':
      return choice.weights.reduce(
        (word, weight, at) => word | (BigInt(weight) << (WEIGHT_BITS * BigInt(at))),
        0n,
      )
    case 'order':
      return choice.order.reduce((word, one, at) => word | (BigInt(one) << (RANK_BITS * BigInt(at))), 0n)
  }
}

/** The choice in a word that the contract keeps. */
export function unpackChoice(kind: Kind, count: number, word: bigint): Choice {
  const digits = (bits: bigint) =>
    Array.from({ length: count }, (_, at) => Number((word >> (bits * BigInt(at))) & ((1n << bits) - 1n)))
  switch (kind) {
    case 'basic':
    case 'single-choice':
      return { form: 'one', choice: Number(word) }
    case 'approval':
      return { form: 'some', choices: digits(1n).flatMap((bit, at) => (bit === 1 ? [at + 1] : [])) }
    case 'weighted':
      return { form: 'weights', weights: digits(WEIGHT_BITS) }
    case 'ranked-choice':
      return { form: 'order', order: digits(RANK_BITS) }
  }
}
