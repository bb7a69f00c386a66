import { bytesToHex, type Hex, hexToBytes } from 'viem'
import type { LegacyNode } from '../rpc.ts'
import type { StateFile } from './state-file.ts'

/** Nodes give at most a thousand keys at once. */
const KEYS_AT_ONCE = 1_000
/** Values that are asked for at once: an answer stays below a few million bytes. */
const VALUES_AT_ONCE = 250
/** In states, keys begin with hashes: the first bytes tell how far reading has come. */
const KEY_SPACE = 2 ** 32

/** How far reading has come. */
export interface ReadingProgress {
  pairs: number
  /** From 0 to 1, by where the last key stands among all that could be. */
  part: number
}

/**
 * Reads the whole state after a block into a file, going on behind the last key that the file has. What was
 * read is in the file before more is asked for, so that it may be stopped at any time. Throws what the node
 * throws; whether it told the truth is for `verifyState` to see.
 */
export async function readChain(
  node: LegacyNode,
  blockHash: Hex,
  file: StateFile,
  onProgress: (progress: ReadingProgress) => void = () => {},
): Promise<void> {
  let pairs = file.count
  while (!file.isWhole) {
    const { last } = file
    const keys = await node.keys(blockHash, last ? bytesToHex(last) : '0x', KEYS_AT_ONCE)
    if (keys.length === 0) return file.finish()
    for (let from = 0; from < keys.length; from += VALUES_AT_ONCE) {
      const asked = keys.slice(from, from + VALUES_AT_ONCE)
      const values = await node.values(blockHash, asked)
      file.add(values.map((value, at) => [hexToBytes(asked[at] ?? '0x'), value] as const))
      pairs += asked.length
      onProgress({ pairs, part: partOf(asked.at(-1) ?? '0x') })
    }
  }
}

function partOf(key: Hex): number {
  return Number.parseInt(key.slice(2, 10).padEnd(8, '0'), 16) / KEY_SPACE
}
