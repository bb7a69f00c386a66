import { getLease, giveNotice } from '@cloister/chain'
import { CloisterError, shortId } from '@cloister/core'
import { leases, walletOf } from '@cloister/sdk'
import { say, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { instant } from '../../show.ts'

/** Gives a lease notice. Its worker serves it until then, and closes it. */
export async function endLease(key: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const wallet = walletOf(cloister)
  const { lease, provider } = await leases.findLease(cloister, key)
  const { state, noticeUntil: given } = await getLease(wallet, lease)
  if (state !== 'open') throw new CloisterError('not-found', `The lease ${shortId(lease)} is closed already.`)
  if (provider !== wallet.account.address)
    throw new CloisterError(
      'forbidden',
      `The lease ${shortId(lease)} is served by ${provider}, and this account is ${wallet.account.address}.`,
      {
        hint: 'Name its account with --account.',
      },
    )
  const receipt = given === 0 ? await giveNotice(wallet, lease) : undefined
  const { noticeUntil } = await getLease(wallet, lease)
  if (options.json) return sayJson({ lease, noticeUntil, transaction: receipt?.transactionHash })
  say(
    `The lease ${shortId(lease)} ${receipt ? 'has' : 'had'} notice: it ends ${instant(noticeUntil)}. Its worker serves it until then, closes it, and the tenant has back what is left.`,
  )
}
