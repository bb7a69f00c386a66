import { CloisterError } from '@cloister/core'
import { concat, encodeAbiParameters, type Hex, keccak256 } from 'viem'
import type { LegacyAccount } from '../account.ts'

/** A leaf as Claims takes it: base units of the new token, Unix seconds. */
export interface Leaf {
  account: LegacyAccount
  amount: bigint
  /** The amount becomes the account's evenly in between; both 0 where it is the account's at once. */
  vestsFrom: number
  vestsUntil: number
}

const SHAPE = [{ type: 'bytes32' }, { type: 'uint96' }, { type: 'uint40' }, { type: 'uint40' }] as const
/** Stands beside the last leaves, so that there are as many as a power of two. It is no leaf's hash. */
const EMPTY: Hex = `0x${'00'.repeat(32)}`
const MOST = 2n ** 96n - 1n
export const NEW_DECIMALS = 18

/** An amount of the old token in units of the new one, which has more decimals. Exact. */
export function toNewUnits(amount: bigint, oldDecimals: number): bigint {
  return amount * 10n ** BigInt(NEW_DECIMALS - oldDecimals)
}

/** The hash of a leaf (IClaims, `root`). Throws `bad-amount` for more than the contract can have. */
export function hashLeaf({ account, amount, vestsFrom, vestsUntil }: Leaf): Hex {
  if (amount <= 0n || amount > MOST)
    throw new CloisterError(
      'bad-amount',
      `A leaf has between 1 and ${MOST} units, and ${account} has ${amount}.`,
    )
  return keccak256(keccak256(encodeAbiParameters(SHAPE, [account, amount, vestsFrom, vestsUntil])))
}

/** The tree whose root Claims has. A leaf's place is its index among those it was made of. */
export class LeafTree {
  /** The leaves' hashes first, the root last. */
  private readonly levels: Hex[][]

  constructor(leaves: readonly Leaf[]) {
    if (leaves.length === 0) throw new CloisterError('bad-file', 'There are no leaves to make a tree of.')
    const size = 2 ** Math.ceil(Math.log2(leaves.length))
    const hashes = Array.from({ length: size }, (_, index) => {
      const leaf = leaves[index]
      return leaf ? hashLeaf(leaf) : EMPTY
    })
    this.levels = [hashes]
    for (let level = hashes; level.length > 1; this.levels.push(level)) {
      const below = level
      level = Array.from({ length: below.length / 2 }, (_, index) =>
        keccak256(concat([below[2 * index] ?? EMPTY, below[2 * index + 1] ?? EMPTY])),
      )
    }
  }

  get root(): Hex {
    return this.levels.at(-1)?.[0] ?? EMPTY
  }

  /** The hashes beside the way from a leaf to the root. */
  proofOf(index: number): Hex[] {
    return this.levels.slice(0, -1).map((level, height) => level[(index >> height) ^ 1] ?? EMPTY)
  }
}
