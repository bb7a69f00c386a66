import { getClaimsFacts, getLeafState } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import type { Leaves, LegacyAccount, PlacedLeaf } from '@cloister/migration'
import type { Address } from 'viem'
import type { Cloister } from '../cloister.ts'

/** What became of one of an account's leaves. */
export interface LeafStatus extends PlacedLeaf {
  isClaimed: boolean
  /** Of one that vests and was claimed: where it goes, and how much of it has gone there. */
  to: Address | undefined
  paid: bigint
}

/** What an account of the old chain owned, and what became of it. */
export interface ClaimStatus {
  account: LegacyAccount
  /** Base units of CLOI, of all its leaves. */
  amount: bigint
  claimed: bigint
  leaves: LeafStatus[]
  /** Claims are taken until then, Unix seconds. */
  windowEnd: number
}

/**
 * Holds a file of leaves against the contract: only what has the contract's root is paid. Throws `bad-file`.
 */
async function checkRoot({ chain }: Pick<Cloister, 'chain'>, leaves: Leaves) {
  const facts = await getClaimsFacts(chain)
  if (facts.root === leaves.tree.root) return facts
  throw new CloisterError(
    'bad-file',
    `The leaves’ root is ${leaves.tree.root}, and the contract pays those of ${facts.root}.`,
    { hint: 'Get the file of the snapshot that the network was deployed with.' },
  )
}

/**
 * What an account of the old chain owned there, and whether it was claimed here. Nothing, where it owned
 * nothing. Throws `bad-file` where the leaves aren't the contract's.
 *
 * @example
 * ```ts
 * import { parseAccount, parseLeaves } from '@cloister/migration'
 * import { migration } from '@cloister/sdk'
 *
 * const { amount, claimed } = await migration.status(cloister, parseLeaves(text), parseAccount('5GrwvaEF…'))
 * ```
 */
export async function status(
  cloister: Pick<Cloister, 'chain'>,
  leaves: Leaves,
  account: LegacyAccount,
): Promise<ClaimStatus> {
  const { windowEnd } = await checkRoot(cloister, leaves)
  const own = await Promise.all(
    leaves
      .of(account)
      .map(async (leaf) => ({ ...leaf, ...(await getLeafState(cloister.chain, leaf.index)) })),
  )
  const sum = (some: LeafStatus[]) => some.reduce((total, { amount }) => total + amount, 0n)
  return {
    account,
    amount: sum(own),
    claimed: sum(own.filter(({ isClaimed }) => isClaimed)),
    leaves: own,
    windowEnd,
  }
}
