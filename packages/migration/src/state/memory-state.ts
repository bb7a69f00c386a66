import { bytesToHex, type Hex, hexToBytes } from 'viem'
import { beginsWith, type ChainState, compareKeys } from './chain-state.ts'

/** A state in memory. */
export class MemoryState implements ChainState {
  private readonly values: ReadonlyMap<Hex, Uint8Array>
  private readonly sorted: readonly (readonly [Uint8Array, Uint8Array])[]

  /** @param pairs in any order; of two with one key the last one holds */
  constructor(pairs: Iterable<readonly [Uint8Array, Uint8Array]>) {
    this.values = new Map([...pairs].map(([key, value]) => [bytesToHex(key), value]))
    this.sorted = [...this.values]
      .map(([key, value]) => [hexToBytes(key), value] as const)
      .sort(([one], [other]) => compareKeys(one, other))
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.values.get(bytesToHex(key))
  }

  *entries(prefix: Uint8Array): Iterable<readonly [Uint8Array, Uint8Array]> {
    let from = 0
    for (let until = this.sorted.length; from < until; ) {
      const middle = (from + until) >> 1
      if (compareKeys(this.sorted[middle]?.[0] ?? prefix, prefix) < 0) from = middle + 1
      else until = middle
    }
    for (let at = from; at < this.sorted.length; at++) {
      const pair = this.sorted[at]
      if (!pair || !beginsWith(pair[0], prefix)) return
      yield pair
    }
  }
}
