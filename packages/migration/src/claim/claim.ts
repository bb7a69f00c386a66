import { CloisterError } from '@cloister/core'
import type { LegacyAccount } from '../account.ts'
import type { Leaves } from '../count/leaves-file.ts'
import { multisigOf } from '../count/owners.ts'
import { type ClaimSignature, readSignature } from './signature.ts'
import type { Approvals, Claim } from './signed.ts'
import { claimText, multisigText, type Place } from './text.ts'

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
  const { symbol, decimals } = leaves.chain
  const claim: Claim = { ...place, account, legacy: { symbol, decimals }, leaves: proven }
  const known = leaves.members.get(account)
  const several = multisig ?? (known && { members: known, threshold: 1 })
  return several ? { ...claim, approvals: approvalsOf(account, several) } : claim
}

function approvalsOf(account: LegacyAccount, { members, threshold }: Multisig): Approvals {
  const sorted = [...new Set(members)].sort()
  if (isMultisig(account, sorted, threshold)) return { members: sorted, threshold, signed: new Map() }
  throw new CloisterError(
    'bad-option',
    `These ${sorted.length} members, of whom ${threshold} sign, make another account than ${account}.`,
    {
      hint: 'Name all of the account’s signatories and its threshold, as the old wallet shows them.',
    },
  )
}

/** Whether an account is made by these, in the order of their 32 bytes, of whom so many have to sign. */
export function isMultisig(account: LegacyAccount, members: LegacyAccount[], threshold: number): boolean {
  const isInOrder = members.every((member, at) => at === 0 || (members[at - 1] ?? member) < member)
  const isPossible = Number.isInteger(threshold) && threshold >= 1 && threshold <= members.length
  return isInOrder && isPossible && multisigOf(members, threshold) === account
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
