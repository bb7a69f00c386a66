import { createHash } from 'node:crypto'
import { type Dialogue, turns } from './chat.ts'
import { dialogue } from './corpus/dialogues.ts'
import { Dice } from './dice.ts'

/** What the committed model was trained on. */
export const CORPUS = { seed: 7, dialogues: 120_000, words: 1021 }

/** Dialogues in the order in which they are learned, the same for the same seed. */
export function* dialogues(count: number, seed: number = CORPUS.seed): Generator<Dialogue> {
  const dice = new Dice(seed)
  for (let i = 0; i < count; i++) yield dialogue(dice)
}

/** A dialogue's whole text. */
export function textOf(one: Dialogue): string {
  return [...turns(one)].map(({ text }) => text).join('')
}

/** SHA-256 of the text of the first `count` dialogues, in hex. */
export function corpusDigest(count: number, seed: number = CORPUS.seed): string {
  const hash = createHash('sha256')
  for (const one of dialogues(count, seed)) hash.update(textOf(one))
  return hash.digest('hex')
}
