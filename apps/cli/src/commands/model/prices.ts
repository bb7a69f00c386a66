import { CloisterError } from '@cloister/core'
import { models } from '@cloister/sdk'
import { printable, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { price } from './shown.ts'

/** Who offers a model, and for how much; the cheapest first. */
export async function showPrices(model: string | undefined, options: Globals): Promise<void> {
  const cloister = connect(options)
  const offers = await models.prices(cloister, model)
  if (options.json) return sayJson(offers)
  if (offers.length === 0)
    throw new CloisterError(
      'not-found',
      model === undefined ? 'Nobody offers a model.' : `Nobody offers the model ${model.slice(0, 100)}.`,
      { hint: 'See `cloister model list`.' },
    )
  const { network } = cloister
  say(
    table(
      ['model', 'lease', 'million in', 'cached', 'out', 'context', 'at once', 'engine'],
      offers.map(({ lease, token, input, cached, output, options: { engine, ...options } }) => [
        printable(options.model),
        lease.slice(2, 18),
        price(network, token, input),
        price(network, token, cached),
        price(network, token, output),
        String(options.contextLength),
        String(options.concurrency),
        'url' in engine ? 'elsewhere: reads along' : printable(engine.image),
      ]),
      ['million in', 'cached', 'out', 'context', 'at once'],
    ),
  )
}
