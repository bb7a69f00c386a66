import { CloisterError } from '@cloister/core'
import { Blake2256, compact } from '@polkadot-api/substrate-bindings'
import { bytesToHex, concat, type Hex } from 'viem'
import { compareKeys } from './chain-state.ts'

/** How long values stand in their nodes: themselves (0), or by their BLAKE2b-256 hash (1). */
export type StateVersion = 0 | 1

/** A node that may still get children. */
interface Node {
  /** Nibbles from the root to it. */
  depth: number
  value: Uint8Array | undefined
  children: (Uint8Array | undefined)[]
}

/** In version 1, longer values stand in their nodes by their hash (sp-core, TRIE_VALUE_NODE_THRESHOLD). */
const LONGEST_INLINE = 32
const NONE = new Uint8Array()

/**
 * The root of the trie that pairs make (Polkadot Protocol Specification, "State Storage and the Storage
 * Trie"): of a whole state it is the state root in its block's header. Pairs come in the order of their keys,
 * each key once; no more than a branch of them is held. Throws `bad-answer` where they don't.
 */
export function trieRoot(
  pairs: Iterable<readonly [key: Uint8Array, value: Uint8Array]>,
  version: StateVersion,
): Hex {
  /** The nodes on the way to the last key. */
  const open: Node[] = []
  let last: Uint8Array | undefined
  let path: Uint8Array = NONE
  for (const [key, value] of pairs) {
    if (last && compareKeys(last, key) >= 0)
      throw new CloisterError('bad-answer', `The key ${bytesToHex(key)} is not behind the one before it.`)
    const next = nibblesOf(key)
    const shared = last ? sharedLength(path, next) : next.length
    while ((open.at(-1)?.depth ?? 0) > shared) {
      const done = open.pop() as Node
      if ((open.at(-1)?.depth ?? -1) < shared) open.push({ depth: shared, value: undefined, children: [] })
      close(done, open.at(-1) as Node, path, version)
    }
    open.push({ depth: next.length, value, children: [] })
    last = key
    path = next
  }
  let node = open.pop()
  if (!node) return bytesToHex(Blake2256(new Uint8Array([0])))
  for (let parent = open.pop(); parent; node = parent, parent = open.pop()) close(node, parent, path, version)
  return bytesToHex(Blake2256(encode(node, path.subarray(0, node.depth), version)))
}

/** Puts a node that gets no more children into its parent. */
function close(node: Node, parent: Node, path: Uint8Array, version: StateVersion): void {
  const encoded = encode(node, path.subarray(parent.depth + 1, node.depth), version)
  parent.children[path[parent.depth] ?? 0] = encoded.length < 32 ? encoded : Blake2256(encoded)
}

/** A node as it is hashed; `partial` is the part of the key that is its own. */
function encode({ value, children }: Node, partial: Uint8Array, version: StateVersion): Uint8Array {
  const isHashed = version === 1 && value !== undefined && value.length > LONGEST_INLINE
  const parts = [NONE, packed(partial)]
  if (children.length > 0) {
    const present = children.reduce((bits, child, at) => (child ? bits | (1 << at) : bits), 0)
    parts.push(new Uint8Array([present & 0xff, present >> 8]))
    parts[0] =
      value === undefined ? header(0b10, 2, partial) : header(isHashed ? 1 : 0b11, isHashed ? 4 : 2, partial)
  } else parts[0] = header(1, isHashed ? 3 : 2, partial)
  if (value) parts.push(...(isHashed ? [Blake2256(value)] : sized(value)))
  for (const child of children) if (child) parts.push(...sized(child))
  return concat(parts)
}

/** What a node is, in the highest bits of a byte, and how many nibbles its own part of the key has. */
function header(kind: number, bits: number, { length }: Uint8Array): Uint8Array {
  const room = (1 << (8 - bits)) - 1
  const first = kind << (8 - bits)
  if (length < room) return new Uint8Array([first | length])
  const rest = length - room
  const full = Array.from({ length: Math.floor(rest / 255) }, () => 255)
  return new Uint8Array([first | room, ...full, rest % 255])
}

function sized(bytes: Uint8Array): Uint8Array[] {
  return [compact.enc(bytes.length), bytes]
}

/** Nibbles, two to a byte; of an odd number the first has a byte of its own. */
function packed(nibbles: Uint8Array): Uint8Array {
  const bytes = new Uint8Array((nibbles.length + 1) >> 1)
  const odd = nibbles.length & 1
  for (let at = 0; at < nibbles.length; at++) {
    const place = (at + odd) >> 1
    bytes[place] = ((bytes[place] ?? 0) << 4) | (nibbles[at] ?? 0)
  }
  return bytes
}

function nibblesOf(key: Uint8Array): Uint8Array {
  const nibbles = new Uint8Array(key.length * 2)
  key.forEach((byte, at) => {
    nibbles[2 * at] = byte >> 4
    nibbles[2 * at + 1] = byte & 15
  })
  return nibbles
}

function sharedLength(one: Uint8Array, other: Uint8Array): number {
  let length = 0
  while (length < one.length && length < other.length && one[length] === other[length]) length++
  return length
}
