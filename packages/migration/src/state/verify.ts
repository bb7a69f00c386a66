import { CloisterError } from '@cloister/core'
import type { Hex } from 'viem'
import type { ChainState } from './chain-state.ts'
import { type StateVersion, trieRoot } from './trie-root.ts'

const ALL = new Uint8Array()

/** The state roots that all pairs of a state make, by how long values are kept. */
export function stateRootOf(state: ChainState, version: StateVersion): Hex {
  return trieRoot(state.entries(ALL), version)
}

/**
 * Holds a state against the root in its block's header: then nothing is missing from it, nothing was added
 * and nothing changed, whoever it came from. Throws `bad-answer` where it doesn't hold. A chain that is in
 * the middle of migrating from one version of its trie to the other can't be verified so.
 */
export function verifyState(state: ChainState, stateRoot: Hex): void {
  const versions: StateVersion[] = [0, 1]
  if (versions.some((version) => stateRootOf(state, version) === stateRoot)) return
  throw new CloisterError(
    'bad-answer',
    `What was read is not the state of that block: its root is another one than ${stateRoot}.`,
    { hint: 'Delete the folder and read it from another node.' },
  )
}
