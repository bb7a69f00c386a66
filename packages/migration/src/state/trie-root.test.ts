import { Blake2256 } from '@polkadot-api/substrate-bindings'
import { bytesToHex, type Hex, hexToBytes, stringToBytes } from 'viem'
import { describe, expect, it } from 'vitest'
import { placeOf } from './items.ts'
import { type StateVersion, trieRoot } from './trie-root.ts'

const VERSIONS: StateVersion[] = [0, 1]

function pairsOf(...pairs: [Hex, Hex][]) {
  return pairs.map(([key, value]) => [hexToBytes(key), hexToBytes(value)] as const)
}

describe('the root of a state’s trie', () => {
  it.each(VERSIONS)('of version %i is that of Substrate’s own vectors', (version) => {
    expect(trieRoot([], version)).toBe('0x03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314')
    expect(trieRoot([[stringToBytes('abcd'), stringToBytes('hello world')]], version)).toBe(
      '0x7ab18659d3b2789ef2400d1071 04c7d4fb93d06d9ab6a8b641a5de7c3fecc851'.replace(' ', ''),
    )
    // sp-trie, trie_stream_v1's examples: nodes as they are hashed.
    expect(trieRoot(pairsOf(['0xaa', '0xbb']), version)).toBe(hashOf('0x42aa04bb'))
    expect(trieRoot(pairsOf(['0x1314', '0xff'], ['0x4819', '0xfe']), version)).toBe(
      hashOf('0x8012001443031404ff1443081904fe'),
    )
  })

  it('has long values by their hash in version 1, and itself in version 0', () => {
    const value: Hex = `0x${'5a'.repeat(33)}`
    const key: Hex = '0xaa'
    expect(trieRoot(pairsOf([key, value]), 0)).toBe(hashOf(`0x42aa84${value.slice(2)}`))
    expect(trieRoot(pairsOf([key, value]), 1)).toBe(hashOf(`0x22aa${hashOf(value).slice(2)}`))
  })

  it('changes with every key and value', () => {
    const pairs = Array.from({ length: 40 }, (_, index) => {
      const key = Blake2256(new Uint8Array([index & 255, index >> 8]))
      return [key.subarray(0, 1 + (index % 9)), new Uint8Array(index % 50).fill(index)] as const
    })
    const sorted = [...new Map(pairs.map((pair) => [bytesToHex(pair[0]), pair])).entries()]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([, pair]) => pair)
    for (const version of VERSIONS) {
      const roots = new Set([trieRoot(sorted, version)])
      for (let at = 0; at < sorted.length; at++) {
        const [key, value] = sorted[at] ?? []
        roots.add(trieRoot(sorted.toSpliced(at, 1), version))
        if (key && value) roots.add(trieRoot(sorted.with(at, [key, new Uint8Array([...value, 1])]), version))
      }
      expect(roots.size).toBe(2 * sorted.length + 1)
    }
  })

  it('is of keys in order, each once', () => {
    expect(() => trieRoot(pairsOf(['0x02', '0x01'], ['0x01', '0x01']), 0)).toThrow('not behind')
    expect(() => trieRoot(pairsOf(['0x01', '0x01'], ['0x01', '0x01']), 0)).toThrow('not behind')
  })
})

describe('a place in storage', () => {
  it('is where Substrate has it', () => {
    expect(bytesToHex(placeOf({ pallet: 'System', item: 'Account' }))).toBe(
      '0x26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9',
    )
  })
})

function hashOf(hex: Hex): Hex {
  return bytesToHex(Blake2256(hexToBytes(hex)))
}
