import { claimLeaf, claimMultisigLeaf, claimsOf, getLeafState } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { approvalsToSend, type Claim, type ProvenLeaf, signaturesMissing } from '@cloister/migration'
import type { Hex } from 'viem'
import { type Cloister, walletOf } from '../cloister.ts'

/** What was claimed just now, a leaf a transaction. */
export interface SentClaim {
  transactions: Hex[]
  /** Base units of CLOI that went to the receiver or will, as they vest. */
  amount: bigint
}

/**
 * Sends a claim that was signed, whoever signed it: the tokens go where its signature says. Leaves that were
 * claimed before are passed over, so it may be sent again after a break. Throws `no-wallet`, `bad-request`
 * for a claim that isn't signed or of another chain or contract, `exists` where all was claimed before,
 * `reverted` and what the chain throws.
 *
 * @example
 * ```ts
 * import { parseClaim } from '@cloister/migration'
 * import { migration } from '@cloister/sdk'
 *
 * const { transactions } = await migration.send(cloister, parseClaim(text))
 * ```
 */
export async function send(cloister: Cloister, claim: Claim): Promise<SentClaim> {
  const { chain, network } = cloister
  const wallet = walletOf(cloister)
  if (claim.chainId !== network.chainId || claim.claims.toLowerCase() !== claimsOf(network).toLowerCase())
    throw new CloisterError(
      'bad-request',
      `The claim is for the contract ${claim.claims} on chain ${claim.chainId}, not for ${network.name}’s.`,
      { hint: 'Name the network that it was made for with --network.' },
    )
  const missing = signaturesMissing(claim)
  if (missing > 0)
    throw new CloisterError('bad-request', `The claim lacks ${missing} of its signatures.`, {
      hint: 'Add them first: `cloister migrate claim --file FILE`.',
    })
  const states = await Promise.all(claim.leaves.map(({ index }) => getLeafState(chain, index)))
  const open = claim.leaves.filter((_, at) => !states[at]?.isClaimed)
  if (open.length === 0)
    throw new CloisterError('exists', `What ${claim.account} owned was claimed before.`, {
      hint: 'See where it went with `cloister migrate check`.',
    })
  const sent: SentClaim = { transactions: [], amount: 0n }
  for (const leaf of open) {
    sent.transactions.push(await sendLeaf(wallet, claim, leaf))
    sent.amount += leaf.amount
  }
  return sent
}

function sendLeaf(wallet: ReturnType<typeof walletOf>, claim: Claim, leaf: ProvenLeaf): Promise<Hex> {
  const { approvals, signature, to } = claim
  const { index, proof, account, amount, vestsFrom, vestsUntil } = leaf
  const args = [{ account, amount, vestsFrom, vestsUntil }, BigInt(index), proof, to] as const
  if (approvals)
    return claimMultisigLeaf(
      wallet,
      ...args,
      approvals.members,
      approvals.threshold,
      approvalsToSend(approvals),
    )
  // What lacks a signature was refused above.
  return claimLeaf(wallet, ...args, signature as NonNullable<typeof signature>)
}
