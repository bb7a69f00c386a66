const TABLE_SIZE = 8192
const HASH_FACTOR = 2654435769
/** The last bytes are never searched for a match. */
const TAIL = 13
const MAX_DISTANCE = 8191
const MAX_LITERALS = 32
const MAX_MATCH = 262
const SHORT_MATCH = 6

/**
 * How many bytes FastLZ (level 1) makes of `bytes`, as an OP Stack chain reckons it for its fee: the same
 * steps as `flzCompress` of its GasPriceOracle, which only counts.
 * Source: OP Stack specifications, Fjord, "FastLZ Implementation".
 *
 * @example
 * ```ts
 * import { fastLzLength } from '@cloister/chain'
 *
 * fastLzLength(new Uint8Array(1000)) // 21
 * ```
 */
export function fastLzLength(bytes: Uint8Array): number {
  const seenAt = new Uint32Array(TABLE_SIZE)
  const three = (at: number) => (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16)
  const slotOf = (value: number) => Math.imul(HASH_FACTOR, value) >>> 19
  const end = Math.max(0, bytes.length - TAIL)
  let length = 0
  let literalsFrom = 0
  for (let at = 2; at < end; ) {
    const value = three(at)
    const slot = slotOf(value)
    const before = seenAt[slot] ?? 0
    seenAt[slot] = at
    if (at - before > MAX_DISTANCE || three(before) !== value) {
      at++
      continue
    }
    // A match in the very last place that is searched counts as none.
    if (at + 1 >= end) break
    length += lengthOfLiterals(at - literalsFrom)
    const matched = lengthOfEqual(bytes, before + 3, at + 3, end + 9)
    length += lengthOfMatch(matched)
    at += matched
    for (const next of [at, at + 1]) seenAt[slotOf(three(next))] = next
    at += 2
    literalsFrom = at
  }
  return length + lengthOfLiterals(bytes.length - literalsFrom)
}

/** Bytes that are equal from both places on, one that isn't included; those before `end` if all are. */
function lengthOfEqual(bytes: Uint8Array, one: number, other: number, end: number): number {
  for (let count = 0; count < end - other; count++)
    if (bytes[one + count] !== bytes[other + count]) return count + 1
  return Math.max(0, end - other)
}

function lengthOfLiterals(count: number): number {
  const rest = count % MAX_LITERALS
  return Math.floor(count / MAX_LITERALS) * (MAX_LITERALS + 1) + (rest === 0 ? 0 : rest + 1)
}

function lengthOfMatch(count: number): number {
  const rest = (count - 1) % MAX_MATCH
  return 3 * Math.floor((count - 1) / MAX_MATCH) + (rest >= SHORT_MATCH ? 3 : 2)
}
