import { CloisterError } from '@cloister/core'
import {
  Blake2128Concat,
  type Codec,
  type CodecType,
  Twox64Concat,
  Twox128,
} from '@polkadot-api/substrate-bindings'
import { bytesToHex, concat, stringToBytes } from 'viem'
import { type ChainState, compareKeys } from './chain-state.ts'
import { decodeWhole } from './decode.ts'

/** How a map's key is hashed; the key itself stands behind the hash. */
export interface Hasher {
  hash(key: Uint8Array): Uint8Array
  /** Bytes before the key. */
  length: number
}

export const TWOX64: Hasher = { hash: Twox64Concat, length: 8 }
export const BLAKE2_128: Hasher = { hash: Blake2128Concat, length: 16 }

/** A value of a pallet's, alone in its place. */
export interface StorageValue<T> {
  pallet: string
  item: string
  value: Codec<T>
}

/** What a map's entries are found by; each key has a hasher. */
export interface KeyedBy<Keys extends readonly unknown[]> {
  pallet: string
  item: string
  keys: { [Index in keyof Keys]: { hasher: Hasher; codec: Codec<Keys[Index]> } }
}

/** A map of a pallet's. */
export interface StorageMap<Keys extends readonly unknown[], T> extends KeyedBy<Keys>, StorageValue<T> {}

/** Where an item of a pallet lies: what its keys begin with (frame-support, `storage_prefix`). */
export function placeOf({ pallet, item }: { pallet: string; item: string }): Uint8Array {
  return concat([Twox128(stringToBytes(pallet)), Twox128(stringToBytes(item))])
}

/** The key of one entry of a map. */
export function keyOf<Keys extends readonly unknown[]>(map: KeyedBy<Keys>, keys: NoInfer<Keys>): Uint8Array {
  const parts = map.keys as readonly { hasher: Hasher; codec: Codec<unknown> }[]
  return concat([placeOf(map), ...parts.map(({ hasher, codec }, at) => hasher.hash(codec.enc(keys[at])))])
}

/** A value of a pallet's, or undefined where there is none. Throws `unsupported`. */
export function readValue<T>(state: ChainState, item: StorageValue<T>): T | undefined {
  const bytes = state.get(placeOf(item))
  return bytes && decodeWhole(item.value, bytes, `${item.pallet}.${item.item}`)
}

/**
 * All entries of a map, in the order of their keys. A key has to be what its parts hash to. Throws
 * `unsupported`.
 */
export function* readMap<Keys extends readonly unknown[], T>(
  state: ChainState,
  map: StorageMap<Keys, T>,
): Generator<readonly [Keys, T]> {
  const place = placeOf(map)
  for (const [key, value] of state.entries(place)) {
    const name = `${map.pallet}.${map.item} at ${bytesToHex(key)}`
    const keys = keysOf(map, key.subarray(place.length), name)
    if (compareKeys(keyOf(map, keys), key) !== 0)
      throw new CloisterError('unsupported', `${name} is no key of that map.`)
    yield [keys, decodeWhole(map.value, value, name)]
  }
}

function keysOf<Keys extends readonly unknown[]>(map: KeyedBy<Keys>, bytes: Uint8Array, name: string): Keys {
  const keys: unknown[] = []
  let rest = bytes
  for (const { hasher, codec } of map.keys as readonly { hasher: Hasher; codec: Codec<unknown> }[]) {
    try {
      const key = codec.dec(rest.slice(hasher.length)) as CodecType<typeof codec>
      keys.push(key)
      rest = rest.subarray(hasher.length + codec.enc(key).length)
    } catch (cause) {
      throw new CloisterError('unsupported', `${name} is no key of that map.`, { cause })
    }
  }
  return keys as unknown as Keys
}
