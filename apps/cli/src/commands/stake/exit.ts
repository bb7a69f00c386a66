import { requestExit } from '@cloister/chain'
import { showAmount } from '@cloister/core'
import { walletOf } from '@cloister/sdk'
import { paint, say, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { CLOI, instant } from '../../show.ts'
import { sharesFor } from './positions.ts'
import { providerOf } from './provider-of.ts'

export async function leave(provider: string, amount: string | undefined, options: Globals): Promise<void> {
  const cloister = connect(options)
  const wallet = walletOf(cloister)
  const from = await providerOf(cloister, provider)
  const shares = await sharesFor(cloister, from, wallet.account.address, amount)
  const exit = await requestExit(wallet, from, shares)
  if (options.json) return sayJson({ ...exit, provider: from, shares })
  say(
    `${showAmount(exit.amount, CLOI)} are leaving the pool of ${from} (exit ${exit.id}). They earn nothing any more, can be slashed until then, and are ready ${instant(exit.readyAt)}.`,
  )
  say(paint('dim', `  Then: cloister stake withdraw    Stay after all: cloister stake cancel ${exit.id}`))
}
