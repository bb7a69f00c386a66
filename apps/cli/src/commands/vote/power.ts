import type { Ballot } from '@cloister/ballots'
import { CloisterError, showAmount } from '@cloister/core'
import type { PowerReason, PowerReport } from '@cloister/sdk'
import { paint } from '@cloister/terminal'
import type { Address } from 'viem'
import { CLOI, instant, short } from '../../show.ts'

/** What an account has to vote with, and why it isn't more. */
export function powerLines(
  account: Address,
  ballot: Ballot,
  { parts, most, reasons }: PowerReport,
): string[] {
  const named = parts.map(({ kind, provider, worth }) => {
    const what =
      kind === 'liquid' ? 'registered' : kind === 'pool' ? 'your pool' : `with ${provider && short(provider)}`
    return `${showAmount(worth, CLOI)} ${what}`
  })
  return [
    `\nPower of ${short(account)} at ${instant(ballot.powerTime)}: ${showAmount(most, CLOI)}${named.length > 1 ? ` (${named.join(', ')})` : ''}`,
    ...reasons.map((reason) => paint('yellow', `  ${explain(reason, ballot)}`)),
  ]
}

/** Throws `no-power` with the reasons, before anything is signed. */
export function checkPower(account: Address, ballot: Ballot, { most, reasons }: PowerReport): void {
  if (most > 0n) return
  throw new CloisterError(
    'no-power',
    `${account} has no power on this ballot: ${reasons.map((reason) => explain(reason, ballot)).join(' ')}`,
    {
      hint: 'Power counts as it was the second before a ballot was proposed. `cloister vote register` for the next one.',
    },
  )
}

function explain(reason: PowerReason, { powerTime }: Ballot): string {
  switch (reason.why) {
    case 'not-registered':
      return `${showAmount(reason.amount, CLOI)} that it holds is not registered: \`cloister vote register\`, for ballots to come.`
    case 'registered-elsewhere':
      return `${showAmount(reason.amount, CLOI)} that it holds is registered with ${reason.with}, which votes with it.`
    case 'liquid-later':
      return `${showAmount(reason.amount, CLOI)} was registered, or came, after power was fixed at ${instant(powerTime)}.`
    case 'staked-later':
      return `${showAmount(reason.amount, CLOI)} was staked after power was fixed at ${instant(powerTime)}.`
    case 'nothing-here':
      return 'It neither holds nor stakes any CLOI on this chain. Is it the right account, and the right network?'
  }
}
