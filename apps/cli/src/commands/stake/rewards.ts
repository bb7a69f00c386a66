import { formatDuration, showAmount } from '@cloister/core'
import { everyPage } from '@cloister/sdk'
import { note, paint, say, sayJson, table } from '@cloister/terminal'
import type { Address } from 'viem'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { CLOI, explainTimes, instant, yearly } from '../../show.ts'
import { accountOf, claimableOf, cloi, delegationsOf } from './positions.ts'

export async function showRewards(options: Globals & { of?: string }): Promise<void> {
  const cloister = connect(options)
  const account = accountOf(cloister, options.of)
  const [delegations, exits, pools, claimable] = await Promise.all([
    delegationsOf(cloister, account),
    everyPage((from) => cloister.index.exits({ account, limit: 200, ...from })),
    cloister.index.pools(),
    claimableOf(cloister, account),
  ])
  const waiting = exits.filter((exit) => exit.state === 'waiting')
  const sum = claimable.reduce((total, { amount }) => total + amount, 0n)
  if (options.json)
    return sayJson({
      account,
      claimable: sum,
      delegations: delegations.map((one) => ({ ...one, claimable: amountIn(one.provider) })),
      exits,
    })
  function amountIn(provider: Address): bigint {
    return claimable.find((one) => one.provider === provider)?.amount ?? 0n
  }
  if (delegations.length === 0 && waiting.length === 0)
    return say(`${account} has staked nothing. See who there is: cloister stake pools`)
  say(
    table(
      ['provider', 'stake', 'to claim', 'claimed', 'current', 'for'],
      delegations.map((held) => [
        held.provider,
        cloi(held.worth, 4),
        showAmount(amountIn(held.provider), CLOI, 6),
        cloi(held.claimed, 6),
        yearly(pools.find(({ provider }) => provider === held.provider)?.yields.current ?? 0),
        formatDuration(Math.max(0, Math.round(Date.now() / 1000) - held.since)),
      ]),
      ['stake', 'to claim', 'claimed', 'current'],
    ),
  )
  const times = explainTimes(
    delegations.map((held) => pools.find(({ provider }) => provider === held.provider)?.yields.current),
  )
  if (times !== undefined) note(paint('dim', times, process.stderr))
  if (waiting.length > 0) {
    say('\nLeaving:')
    say(
      table(
        ['exit', 'provider', 'worth', 'ready'],
        waiting.map((exit) => [exit.id, exit.provider, cloi(exit.worth, 4), instant(exit.readyAt)]),
        ['worth'],
      ),
    )
  }
  if (sum > 0n) say(paint('dim', `\n  ${showAmount(sum, CLOI, 6)} to claim: cloister stake claim`))
  note(
    paint(
      'dim',
      'Current: a year’s yield if everything stayed as in the last full hour; see cloister stake pools.',
      process.stderr,
    ),
  )
}
