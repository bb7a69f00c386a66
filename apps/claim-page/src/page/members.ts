import {
  type Approvals,
  approvalsToSend,
  type Claim,
  type LegacyAccount,
  type Multisig,
  parseAccount,
  showAccount,
} from '@cloister/migration'
import { element, made } from './elements.ts'

const MOST_MEMBERS = 128

const together = element<HTMLDetailsElement>('together')
const members = element<HTMLTextAreaElement>('members')
const threshold = element<HTMLInputElement>('threshold')

/** Calls `changed` whenever somebody types who signs together. */
export function onMembers(changed: () => void): void {
  for (const input of [members, threshold]) input.addEventListener('input', changed)
}

/** Whether anybody is named who signs for the account together with others. */
export function hasMembers(): boolean {
  return members.value.trim() !== ''
}

/**
 * Who signs for the account together, as the fields say; undefined while they are empty. Throws for what is
 * no address, and `bad-option` for a number of signatures that can't be.
 */
export function readMembers(): Multisig | undefined {
  const written = members.value.split(/[\s,;]+/).filter((one) => one !== '')
  if (written.length === 0) return undefined
  if (written.length > MOST_MEMBERS) throw new Error(`An account has at most ${MOST_MEMBERS} members.`)
  if (!/^\d{1,3}$/.test(threshold.value)) throw new Error('Say how many of the members have to sign.')
  return { members: written.map((one) => parseAccount(one)), threshold: Number(threshold.value) }
}

/** Fills the fields in, as a claim that others began has them. */
export function writeMembers({ members: all, threshold: needed }: Approvals, prefix: number): void {
  members.value = all.map((member) => showAccount(member, prefix)).join('\n')
  threshold.value = String(needed)
  together.open = true
}

/** Shows of each member whether it signed, and how many are missing. */
export function showMembers(claim: Claim | undefined, prefix: number): void {
  const place = element('signed')
  if (!claim?.approvals) return place.replaceChildren()
  const { members: all, signed, threshold: needed } = claim.approvals
  const missing = missingOf(claim.approvals)
  const list = document.createElement('ul')
  for (const member of all) {
    const [word, className] = signed.has(member) ? ['signed', 'good'] : ['has not signed', 'fair']
    list.append(made('li', `${showAccount(member, prefix)}: ${word}`, className))
  }
  const sentence =
    missing === 0
      ? `${needed} of ${all.length} members signed: that is enough.`
      : `${needed} of ${all.length} members have to sign; ${missing} ${missing === 1 ? 'is' : 'are'} missing.`
  place.replaceChildren(made('p', sentence, missing === 0 ? 'good' : 'fair'), list)
}

/** Members who could sign yet. */
export function unsigned({ members: all, signed }: Approvals): LegacyAccount[] {
  return all.filter((member) => !signed.has(member))
}

/** How many signatures are missing. */
function missingOf(approvals: Approvals): number {
  return approvals.threshold - approvalsToSend(approvals).length
}
