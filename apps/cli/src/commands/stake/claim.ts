import { claimRewards } from '@cloister/chain'
import { showAmount } from '@cloister/core'
import { walletOf } from '@cloister/sdk'
import { say, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { CLOI } from '../../show.ts'
import { accountOf, claimableOf } from './positions.ts'

export async function claim(options: Globals & { of?: string }): Promise<void> {
  const cloister = connect(options)
  const account = accountOf(cloister, options.of)
  const positions = (await claimableOf(cloister, account)).filter(({ amount }) => amount > 0n)
  const amount = positions.length === 0 ? 0n : await claimRewards(walletOf(cloister), positions)
  if (options.json) return sayJson({ account, amount, pools: positions.map(({ provider }) => provider) })
  say(
    amount === 0n
      ? `There is nothing to claim for ${account}.`
      : `Paid ${showAmount(amount, CLOI, 6)} to ${account}.`,
  )
}
