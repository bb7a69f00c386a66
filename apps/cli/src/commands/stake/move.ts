import { redelegate } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { walletOf } from '@cloister/sdk'
import { note, say, sayJson } from '@cloister/terminal'
import { confirm } from '../../ask.ts'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { payee } from '../../payee.ts'
import { sharesFor } from './positions.ts'
import { providerOf } from './provider-of.ts'

export async function move(
  from: string,
  to: string,
  amount: string | undefined,
  options: Globals,
): Promise<void> {
  const cloister = connect(options)
  const wallet = walletOf(cloister)
  const target = payee(to, 'cloister stake pools')
  const source = await providerOf(cloister, from)
  const shares = await sharesFor(cloister, source, wallet.account.address, amount)
  if (options.yes !== true && options.json !== true) {
    note(
      `${amount === undefined ? 'Everything' : `${amount} CLOI`} ${amount === undefined || amount === '1' ? 'goes' : 'go'} from the pool of ${source} to that of ${target}. The next move is possible in 21 days.`,
    )
    if (!(await confirm('Move it?'))) throw new CloisterError('cancelled', 'Nothing was moved.')
  }
  const { transactionHash } = await redelegate(wallet, source, target, shares)
  if (options.json) return sayJson({ from: source, to: target, shares, transaction: transactionHash })
  say(
    `Moved ${amount === undefined ? 'everything' : `${amount} CLOI`} from ${source} to ${target}. The next move is possible in 21 days.`,
  )
}
