import { formatAmount } from '@cloister/core'
import { NEW_DECIMALS, parseAccount, showAccount } from '@cloister/migration'
import { type LeafStatus, migration } from '@cloister/sdk'
import { paint, say, sayJson, table } from '@cloister/terminal'
import { type Address, isAddress } from 'viem'
import { connect } from '../../context.ts'
import { bothAmounts, type LeavesOptions, openLeaves } from './leaves.ts'

export async function check(address: string, options: LeavesOptions): Promise<void> {
  if (isAddress(address, { strict: false })) return checkNew(address, options)
  const account = parseAccount(address)
  const leaves = openLeaves(options)
  const status = await migration.status(connect(options), leaves, account)
  const { chain } = leaves
  const members = leaves.members.get(account)
  if (options.json)
    return sayJson({
      ...status,
      legacy: showAccount(account, chain.prefix),
      legacyAmount: status.amount / 10n ** BigInt(NEW_DECIMALS - chain.decimals),
      ...(members && { members }),
    })
  say(`Legacy account ${showAccount(account, chain.prefix)} (${chain.name}), ${account}`)
  if (status.leaves.length === 0) {
    say(`It has nothing to claim of block ${leaves.block}.`)
    return say(
      paint(
        'dim',
        'What accounts without a key owned (pure proxies, derivatives) counts for who controls them; see left-out.csv of the snapshot for what counts for nobody.',
      ),
    )
  }
  say(`Owned ${bothAmounts(status.amount, chain)}`)
  for (const leaf of status.leaves) say(`  ${lineOf(leaf)}`)
  if (members)
    say(`Any one of these can claim it: ${members.map((one) => showAccount(one, chain.prefix)).join(', ')}`)
  if (status.claimed < status.amount)
    say(paint('dim', `Claims are taken until ${dateOf(status.windowEnd)}: \`cloister migrate claim\`.`))
}

function lineOf({ amount, vestsUntil, isClaimed, to, paid }: LeafStatus): string {
  const cloi = formatAmount(amount, NEW_DECIMALS)
  const vests = vestsUntil > 0 ? ` that vest until ${dateOf(vestsUntil)}` : ''
  if (!isClaimed) return `${cloi} CLOI${vests}: ${paint('yellow', 'not claimed')}`
  const rest = to === undefined ? '' : `, ${formatAmount(paid, NEW_DECIMALS)} paid so far to ${to}`
  return `${cloi} CLOI${vests}: ${paint('green', 'claimed')}${rest}`
}

/** What a new address was paid for legacy accounts. */
async function checkNew(to: Address, options: LeavesOptions): Promise<void> {
  const claims = await migration.received(connect(options).chain, to)
  if (options.json) return sayJson({ to, claims })
  if (claims.length === 0) return say(`New address ${to} was paid for no legacy account yet.`)
  say(`New address ${to} was paid for these legacy accounts:`)
  say(
    table(
      ['legacy account', 'CLOI (new)', 'paid at once', 'transaction'],
      claims.map(({ account, amount, paid, transaction }) => [
        account,
        formatAmount(amount, NEW_DECIMALS),
        formatAmount(paid, NEW_DECIMALS),
        transaction,
      ]),
      ['CLOI (new)', 'paid at once'],
    ),
  )
}

function dateOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10)
}
