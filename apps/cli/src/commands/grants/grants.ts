import type { Grant } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { type Cloister, grants } from '@cloister/sdk'
import { paint, say, sayJson, table } from '@cloister/terminal'
import type { Hex } from 'viem'
import { confirm } from '../../ask.ts'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { money } from '../../show.ts'

export async function list(options: Globals): Promise<void> {
  const cloister = connect(options)
  const all = await grants.list(cloister)
  if (options.json) return sayJson({ grants: all })
  if (all.length === 0)
    return say('No ballot has given a grant yet. See docs/governance.md for how one is proposed.')
  say(
    table(
      ['grant', 'to', 'of', 'paid', 'to take now', 'milestones'],
      all.map((grant) => [
        String(grant.id),
        grant.grantee,
        ...['amount', 'paid', 'withdrawable'].map((part) =>
          money(cloister.network, grant.token, sum(grant, part as 'amount')),
        ),
        `${grant.milestones.filter(({ confirmedAt }) => confirmedAt > 0).length} of ${grant.milestones.length} confirmed${grant.isCancelled ? ', cancelled' : ''}`,
      ]),
    ),
  )
}

export async function show(id: string, options: Globals): Promise<void> {
  const cloister = connect(options)
  const grant = await grants.find(cloister, numberOf(id))
  if (options.json) return sayJson(grant)
  say(`Grant ${grant.id} to ${grant.grantee}${grant.isCancelled ? ', cancelled' : ''}`)
  say(
    table(
      ['milestone', 'amount', 'paid', 'to take now', 'state'],
      grant.milestones.map((milestone, index) => [
        String(index),
        ...[milestone.amount, milestone.paid, milestone.withdrawable].map((amount) =>
          money(cloister.network, grant.token, amount),
        ),
        stateOf(milestone),
      ]),
    ),
  )
}

export const withdraw = (id: string, options: Globals) =>
  take(id, options, 'Pay the grantee what has streamed?', 'Paid', grants.withdraw)
export const sendBack = (id: string, options: Globals) =>
  take(id, options, 'Give the pool back what nobody confirmed in time?', 'Given back', grants.sendBack)

async function take(
  id: string,
  options: Globals,
  question: string,
  done: string,
  step: (cloister: Cloister, id: number) => Promise<Hex[]>,
): Promise<void> {
  const cloister = connect(options)
  if (!options.yes && !options.json && !(await confirm(question)))
    throw new CloisterError('cancelled', 'Nothing was sent.')
  const transactions = await step(cloister, numberOf(id))
  if (options.json) return sayJson({ grant: numberOf(id), transactions })
  say(`${paint('green', '●')} ${done}, by ${transactions.join(', ')}.`)
}

function stateOf({ confirmedAt, due, duration, amount }: Grant['milestones'][number]): string {
  const day = (seconds: number) => new Date(seconds * 1_000).toISOString().slice(0, 10)
  if (amount === 0n) return 'went back'
  if (confirmedAt === 0) return `to be confirmed by ${day(due)}`
  return duration === 0 ? `reached ${day(confirmedAt)}` : `streams until ${day(confirmedAt + duration)}`
}

function sum({ milestones }: Grant, part: 'amount' | 'paid' | 'withdrawable'): bigint {
  return milestones.reduce((all, milestone) => all + milestone[part], 0n)
}

function numberOf(id: string): number {
  if (/^\d{1,9}$/.test(id)) return Number(id)
  throw new CloisterError('bad-option', `${id.slice(0, 20)} is no number of a grant.`)
}
