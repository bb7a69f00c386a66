import { models } from '@cloister/sdk'
import { printable, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { price } from './shown.ts'

/** The models that are offered. */
export async function showModels(options: Globals): Promise<void> {
  const cloister = connect(options)
  const found = await models.list(cloister)
  if (options.json) return sayJson(found)
  if (found.length === 0) return say('Nobody offers a model. Offer one: cloister model deploy FILE')
  say(
    table(
      ['model', 'offers', 'million in', 'million out', 'context', 'weights'],
      found.flatMap(({ model, offers, cheapest, contextLength, weights }) =>
        cheapest.map(({ token, input, output }, at) => [
          at === 0 ? printable(model) : '',
          at === 0 ? String(offers) : '',
          price(cloister.network, token, input),
          price(cloister.network, token, output),
          at === 0 ? String(contextLength) : '',
          at === 0 ? (weights?.slice(7, 19) ?? 'not named') : '',
        ]),
      ),
      ['offers', 'million in', 'million out', 'context'],
    ),
  )
}
