import { delegate, findToken, getTokenBalance, TRANSACTIONS } from '@cloister/chain'
import { CloisterError, parseAmount, showAmount } from '@cloister/core'
import { walletOf } from '@cloister/sdk'
import { note, Steps, say, sayJson } from '@cloister/terminal'
import { confirm } from '../../ask.ts'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { layer2Cost, sayCost } from '../../costs.ts'
import { payee } from '../../payee.ts'
import { CLOI, short } from '../../show.ts'

export async function put(provider: string, amount: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const wallet = walletOf(cloister)
  const to = payee(provider, 'cloister stake pools')
  const units = parseAmount(amount, CLOI.decimals)
  const held = await getTokenBalance(
    wallet,
    findToken(cloister.network, 'CLOI').address,
    wallet.account.address,
  )
  if (held < units)
    throw new CloisterError(
      'no-funds',
      `${wallet.account.address} has ${showAmount(held, CLOI)}, less than ${amount}.`,
      {
        hint: cloister.network.development
          ? 'On the development network: `cloister wallet faucet`.'
          : 'Get CLOI first.',
      },
    )
  const json = options.json === true
  const cost = await layer2Cost(wallet, [TRANSACTIONS.delegate], { json })
  if (options.yes !== true && !json) {
    note(
      `${amount} CLOI go into the pool of ${to}. They answer for what it does, so they can be slashed, and leaving takes 21 days.`,
    )
    if (cost) note(sayCost(cost))
    if (!(await confirm('Delegate them?'))) throw new CloisterError('cancelled', 'Nothing was delegated.')
  }
  const steps = new Steps(json)
  steps.begin('delegating', `${amount} CLOI to ${short(to)}`)
  const { shares, receipt } = await steps.until(delegate(wallet, to, units))
  if (json)
    return sayJson({ provider: to, amount: units, shares, transaction: receipt.transactionHash, cost })
  say(
    `${amount} CLOI went into the pool of ${to}. They earn from now on, and answer for it: leaving takes 21 days (cloister stake exit ${to.slice(0, 8)}).`,
  )
}
