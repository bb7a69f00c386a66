import { CloisterError } from '@cloister/core'
import type { Hex } from 'viem'
import type { LegacyAccount } from '../account.ts'
import type { Leaves, PlacedLeaf } from '../count/leaves-file.ts'
import { multisigOf } from '../count/owners.ts'
import { type ClaimSignature, readSignature } from './signature.ts'
import { claimText, multisigText, type Place } from './text.ts'

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
  leaves: ProvenLeaf[]
  /** Of the account's own key. */
  signature?: ClaimSignature
  /** Instead of it, where several make the account. */
  approvals?: Approvals
}

/** Those who make an account together. */
export interface Multisig {
  members: readonly LegacyAccount[]
  threshold: number
}

/**
 * Begins a claim, which nobody has signed yet. Accounts that the snapshot says several control need no
 * `multisig`; others that have no key of their own do. Throws `not-found` where the account owned nothing,
 * and `bad-option` where the members don't make the account.
 */
export function beginClaim(leaves: Leaves, account: LegacyAccount, place: Place, multisig?: Multisig): Claim {
  const own = leaves.of(account)
  if (own.length === 0)
    throw new CloisterError('not-found', `The account ${account} has nothing to claim.`, {
      hint: 'See with `cloister migrate check ADDRESS`; accounts without a key were resolved to who controls them.',
    })
  const proven = own.map((leaf) => ({ ...leaf, proof: leaves.tree.proofOf(leaf.index) }))
  const claim: Claim = { ...place, account, leaves: proven }
  const known = leaves.members.get(account)
  const several = multisig ?? (known && { members: known, threshold: 1 })
  return several ? { ...claim, approvals: approvalsOf(account, several) } : claim
}

function approvalsOf(account: LegacyAccount, { members, threshold }: Multisig): Approvals {
  const sorted = [...new Set(members)].sort()
  if (threshold >= 1 && threshold <= sorted.length && multisigOf(sorted, threshold) === account)
    return { members: sorted, threshold, signed: new Map() }
  throw new CloisterError(
    'bad-option',
    `These ${sorted.length} members, of whom ${threshold} sign, make another account than ${account}.`,
    {
      hint: 'Name all of the account’s signatories and its threshold, as the old wallet shows them.',
    },
  )
}

/** The text to sign for a claim. */
export function textOfClaim(claim: Claim): string {
  return claim.approvals ? multisigText(claim.account, claim) : claimText(claim)
}

/**
 * A claim with one more signature, which has to be over its text. `signer`: which member it is of; where it
 * isn't said, all are tried. Throws `bad-key`, `not-yours` for somebody who is no member.
 */
export function signClaim(claim: Claim, given: string, signer?: LegacyAccount): Claim {
  const text = textOfClaim(claim)
  const { approvals } = claim
  if (!approvals) return { ...claim, signature: readSignature(given, claim.account, text) }
  if (signer !== undefined && !approvals.members.includes(signer))
    throw new CloisterError('not-yours', `${signer} is none of the members of ${claim.account}.`)
  for (const member of signer === undefined ? approvals.members : [signer]) {
    const signature = signatureOf(given, member, text)
    if (!signature) continue
    const signed = new Map(approvals.signed).set(member, signature)
    return { ...claim, approvals: { ...approvals, signed } }
  }
  throw new CloisterError('bad-key', 'That is no signature of a member over the text.', {
    hint: 'Members sign the text of the multisig account, which names it; see `cloister migrate claim`.',
  })
}

function signatureOf(given: string, account: LegacyAccount, text: string): ClaimSignature | undefined {
  try {
    return readSignature(given, account, text)
  } catch (error) {
    if (error instanceof CloisterError && error.code === 'bad-key') return undefined
    throw error
  }
}

/** How many signatures a claim still needs. */
export function signaturesMissing({ approvals, signature }: Claim): number {
  if (approvals) return Math.max(0, approvals.threshold - approvals.signed.size)
  return signature ? 0 : 1
}

/** The approvals that the contract takes: as many as the threshold, in the order of the members. */
export function approvalsToSend({ members, threshold, signed }: Approvals): ClaimSignature[] {
  return members.flatMap((member) => signed.get(member) ?? []).slice(0, threshold)
}
