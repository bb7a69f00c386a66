import { shortId } from '@cloister/core'
import { leases } from '@cloister/sdk'
import { Steps, say, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { money } from '../../show.ts'

export async function runClose(key: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const steps = new Steps(options.json === true)
  try {
    steps.begin('close', 'settling, stopping, refunding')
    const closed = await leases.close(cloister, key)
    steps.done()
    if (options.json) return sayJson(closed)
    const shown = (amount: bigint) => money(cloister.network, closed.token, amount)
    say(
      `Closed ${shortId(closed.lease)}. It cost ${shown(closed.spent)}; ${shown(closed.refund)} are back in your account.`,
    )
    if (closed.credited > 0n)
      say(
        `${shown(closed.credited)} wait for you, since the token does not move now: cloister wallet withdraw`,
      )
  } catch (error) {
    steps.fail()
    throw error
  }
}
