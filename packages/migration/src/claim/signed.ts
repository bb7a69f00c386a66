import type { Hex } from 'viem'
import type { LegacyAccount } from '../account.ts'
import type { LegacyChain } from '../count/chains.ts'
import type { PlacedLeaf } from '../count/leaves-file.ts'
import type { ClaimSignature } from './signature.ts'
import type { Place } from './text.ts'

/** A leaf with its way to the root. */
export interface ProvenLeaf extends PlacedLeaf {
  proof: Hex[]
}

/** Of an account that several make: who they are, how many have to sign, and who has. */
export interface Approvals {
  /** In the order of their 32 bytes. */
  members: LegacyAccount[]
  threshold: number
  signed: Map<LegacyAccount, ClaimSignature>
}

/** Everything the contract needs to pay an account's tokens to a receiver; anybody can send it. */
export interface Claim extends Place {
  account: LegacyAccount
  /** The old token, for people. */
  legacy: Pick<LegacyChain, 'symbol' | 'decimals'>
  leaves: ProvenLeaf[]
  /** Of the account's own key. */
  signature?: ClaimSignature
  /** Instead of it, where several make the account. */
  approvals?: Approvals
}

/** How many signatures a claim still needs. */
export function signaturesMissing({ approvals, signature }: Claim): number {
  if (approvals) return approvals.threshold - approvalsToSend(approvals).length
  return signature ? 0 : 1
}

/** The approvals that the contract takes: as many as the threshold, in the order of the members. */
export function approvalsToSend({ members, threshold, signed }: Approvals): ClaimSignature[] {
  return members.flatMap((member) => signed.get(member) ?? []).slice(0, threshold)
}
