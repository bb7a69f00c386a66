// Merkle trees of receipts as OpenZeppelin's StandardMerkleTree makes them for one `bytes32` a leaf: leaves
// are hashed twice and sorted, pairs are sorted, the tree lies in an array. `Receipts.includes` checks its
// proofs.
import { concat, type Hex, keccak256 } from 'viem'

/** A batch of receipts: its root, and each receipt's way to it by the receipt's digest. */
export interface ReceiptTree {
  root: Hex
  /** Throws `RangeError` for a digest that isn't in it. */
  pathOf(digest: Hex): Hex[]
}

/** The leaf of a receipt: its digest, hashed twice, so that no inner node is a leaf. */
export function leafOf(digest: Hex): Hex {
  return keccak256(keccak256(digest))
}

/** The tree over receipts' digests, at least one, in any order. */
export function receiptTree(digests: readonly Hex[]): ReceiptTree {
  if (digests.length === 0) throw new RangeError('a tree has at least one receipt')
  const leaves = digests.map(leafOf).sort()
  // From the back: leaves in reverse, then each node's parent before it.
  const size = 2 * leaves.length - 1
  const nodes = new Array<Hex>(size)
  for (const [index, leaf] of leaves.entries()) nodes[size - 1 - index] = leaf
  for (let index = size - 1 - leaves.length; index >= 0; index--)
    nodes[index] = pairOf(nodes[2 * index + 1] as Hex, nodes[2 * index + 2] as Hex)
  const places = new Map(leaves.map((leaf, index) => [leaf, size - 1 - index]))
  return {
    root: nodes[0] as Hex,
    pathOf(digest) {
      let index = places.get(leafOf(digest))
      if (index === undefined) throw new RangeError('the receipt is not in this tree')
      const path: Hex[] = []
      for (; index > 0; index = (index - 1) >> 1) path.push(nodes[index % 2 ? index + 1 : index - 1] as Hex)
      return path
    },
  }
}

/** Whether a path leads from a receipt's digest to the root. */
export function isIncluded(digest: Hex, path: readonly Hex[], root: Hex): boolean {
  return path.reduce(pairOf, leafOf(digest)) === root
}

function pairOf(first: Hex, second: Hex): Hex {
  return keccak256(first < second ? concat([first, second]) : concat([second, first]))
}
