import { findToken, getTokenBalance } from '@cloister/chain'
import { CloisterError, showAmount } from '@cloister/core'
import { votes, walletOf } from '@cloister/sdk'
import { note, paint, say, sayJson } from '@cloister/terminal'
import { getAddress, isAddress } from 'viem'
import { confirm } from '../../ask.ts'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { CLOI } from '../../show.ts'

export async function register(options: Globals & { with?: string }): Promise<void> {
  const cloister = connect(options)
  const wallet = walletOf(cloister)
  const account = wallet.account.address
  if (options.with !== undefined && !isAddress(options.with))
    throw new CloisterError('bad-address', `${options.with.slice(0, 60)} is no address.`)
  const to = options.with === undefined ? account : getAddress(options.with)
  const before = await votes.registration(cloister, account)
  const held = await getTokenBalance(wallet, findToken(cloister.network, 'CLOI').address, account)
  if (before === to) {
    if (options.json) return sayJson({ account, with: to, liquid: held })
    return say(`It is registered already: ${showAmount(held, CLOI)} votes on ballots to come.`)
  }
  if (!options.yes && !options.json) {
    note(
      to === account
        ? `${showAmount(held, CLOI)}, and what you get later, votes with ${account}. Transfers cost you some more gas from then on.`
        : `${to} votes with ${showAmount(held, CLOI)}, and with what you get later. The CLOI stays yours.`,
    )
    if (!(await confirm('Register?'))) throw new CloisterError('cancelled', 'Nothing was registered.')
  }
  const transaction = await votes.register(cloister, to)
  if (options.json) return sayJson({ account, with: to, liquid: held, transaction })
  say(
    `${paint('green', '●')} Registered: ${showAmount(held, CLOI)} votes on ballots that are proposed from now on${to === account ? '' : `, by ${to}`}.`,
  )
}
