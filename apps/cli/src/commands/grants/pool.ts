import { CloisterError } from '@cloister/core'
import { grants } from '@cloister/sdk'
import { facts, paint, say, sayJson, table } from '@cloister/terminal'
import { confirm } from '../../ask.ts'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { money, percent } from '../../show.ts'

const BPS = 10_000

export async function pool(options: Globals): Promise<void> {
  const cloister = connect(options)
  const found = await grants.pool(cloister)
  if (options.json) return sayJson(found)
  const share = `${percent(found.shareBps / BPS)} of fees and of the treasury’s part of emission`
  say(facts([['share', share]]))
  say(
    table(
      ['token', 'free', 'reserved', 'paid', 'given back', 'income', 'to collect'],
      found.tokens.map((one) => [
        one.symbol,
        ...[one.free, one.reserved, one.paid, one.returned, one.income, one.waiting].map((amount) =>
          money(cloister.network, one.token, amount),
        ),
      ]),
    ),
  )
  say(
    'Free is what ballots can grant; reserved is granted and not paid yet. To collect are fees, whose share',
  )
  say('the pool gets; emission comes beside them: cloister grants collect')
}

export async function collect(options: Globals): Promise<void> {
  const cloister = connect(options)
  const question = 'Collect fees and emission for the treasury and the community pool?'
  if (!options.yes && !options.json && !(await confirm(question)))
    throw new CloisterError('cancelled', 'Nothing was sent.')
  const transactions = await grants.collect(cloister)
  if (options.json) return sayJson({ transactions })
  say(`${paint('green', '●')} Collected and divided, by ${transactions.join(', ')}.`)
}
