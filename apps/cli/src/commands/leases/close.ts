import { type Cloister, type Closed, groups, leases } from '@cloister/sdk'
import { Steps, say, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { asTyped, money } from '../../show.ts'

export async function runClose(key: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const steps = new Steps(options.json === true)
  try {
    steps.begin('close', 'settling, stopping, refunding')
    const group = await groups.find(cloister, key)
    if (group) {
      const all = await groups.close(cloister, group)
      steps.done()
      return sayClosed(cloister, group.name, all, options)
    }
    const closed = await leases.close(cloister, key)
    steps.done()
    if (options.json) return sayJson(closed)
    const shown = (amount: bigint) => money(cloister.network, closed.token, amount)
    say(
      `Closed ${asTyped(key, closed.lease)}. It cost ${shown(closed.spent)}; ${shown(closed.refund)} are back in your account.`,
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

/** What the replicas of a group came to, by token. */
export function sayClosed(
  { network }: Cloister,
  name: string,
  closed: readonly Closed[],
  { json }: Globals,
): void {
  if (json) return sayJson(closed)
  for (const token of new Set(closed.map((one) => one.token))) {
    const all = closed.filter((one) => one.token === token)
    const sum = (of: (one: Closed) => bigint) =>
      money(
        network,
        token,
        all.reduce((total, one) => total + of(one), 0n),
      )
    say(
      `Closed ${all.length === 1 ? 'one replica' : `${all.length} replicas`} of ${name}. ${all.length === 1 ? 'It' : 'They'} cost ${sum(({ spent }) => spent)}; ${sum(({ refund }) => refund)} are back in your account.`,
    )
    if (all.some(({ credited }) => credited > 0n))
      say(
        `${sum(({ credited }) => credited)} wait for you, since the token does not move now: cloister wallet withdraw`,
      )
  }
}
