import { releaseLeaf } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import type { Leaves, LegacyAccount } from '@cloister/migration'
import type { Hex } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'
import { status } from './status.ts'

/**
 * Pays what of an account's claimed tokens has vested since. It goes where the account's key said; anybody
 * may call it. No transaction where nothing was claimed that vests. Throws `no-wallet`, `bad-file`,
 * `reverted` where nothing more has vested.
 *
 * @example
 * ```ts
 * import { parseAccount, parseLeaves } from '@cloister/migration'
 * import { migration } from '@cloister/sdk'
 *
 * await migration.release(cloister, parseLeaves(text), parseAccount('5GrwvaEF…'))
 * ```
 */
export async function release(cloister: Cloister, leaves: Leaves, account: LegacyAccount): Promise<Hex[]> {
  const wallet = walletOf(cloister)
  const own = await status(cloister, leaves, account)
  const transactions: Hex[] = []
  let refused: CloisterError | undefined
  for (const { to, paid, index, isClaimed: _, ...leaf } of own.leaves) {
    if (to === undefined || paid === leaf.amount) continue
    try {
      transactions.push(await releaseLeaf(wallet, leaf, BigInt(index), leaves.tree.proofOf(index)))
    } catch (error) {
      if (!(error instanceof CloisterError) || error.code !== 'reverted') throw error
      // Of this leaf nothing more has vested; of others it may.
      refused = error
    }
  }
  if (refused && transactions.length === 0) throw refused
  return transactions
}
