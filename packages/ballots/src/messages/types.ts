import { type Hex, sha256, stringToBytes } from 'viem'

/**
 * The domain that Snapshot's messages are signed in (snapshot.js, src/sign/index.ts). It names no chain and
 * no contract: a ballot's id does, of which it is a hash.
 */
export const DOMAIN = { name: 'snapshot', version: '0.1.4' } as const

/** EIP-712 types of a vote with a choice of one type (snapshot.js 0.17.5, src/sign/types.ts). */
const typesWith = <Type extends string>(type: Type) =>
  ({
    Vote: [
      { name: 'from', type: 'string' },
      { name: 'space', type: 'string' },
      { name: 'timestamp', type: 'uint64' },
      { name: 'proposal', type: 'string' },
      { name: 'choice', type },
      { name: 'reason', type: 'string' },
      { name: 'app', type: 'string' },
      { name: 'metadata', type: 'string' },
    ],
  }) as const

/** By the form of the choice: one number (basic, single), a list (approval, ranked), JSON (weighted). */
export const VOTE_TYPES = {
  number: typesWith('uint32'),
  list: typesWith('uint32[]'),
  text: typesWith('string'),
} as const

/** How a choice is written. */
export type ChoiceForm = keyof typeof VOTE_TYPES

/** SHA-256 of the types' JSON, by which Snapshot's sequencer tells what a message is. */
const FORMS = new Map<Hex, ChoiceForm>(
  (['number', 'list', 'text'] as const).map((form) => [hashOfTypes(VOTE_TYPES[form]), form]),
)

/** SHA-256 of types as JSON. */
function hashOfTypes(types: unknown): Hex {
  return sha256(stringToBytes(JSON.stringify(types)))
}

/** The form of the choice in messages of these types; undefined where they are no vote's. */
export function formOfTypes(types: unknown): ChoiceForm | undefined {
  try {
    return FORMS.get(hashOfTypes(types))
  } catch (error) {
    // What lies too deep in itself can't be written.
    if (error instanceof RangeError) return undefined
    throw error
  }
}
