import { parseArgs } from 'node:util'

export const HELP = `The embedded Cloister network: chain, contracts, indexer, gateway and three workers.

  npm start                 start it, or take it up where it was left
  npm start -- --fresh      throw its state away and begin anew
  npm start -- --layer2     begin it as a layer 2, with a layer 1 below that money is bridged to
  npm start -- --folder X   keep its state in X (default: .cloister)
`

/** What was typed after `npm start --`. Throws where it isn't understood. */
export function readOptions() {
  const { values } = parseArgs({
    options: {
      fresh: { type: 'boolean', default: false },
      layer2: { type: 'boolean', default: false },
      folder: { type: 'string', default: '.cloister' },
      'free-ports': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
    },
  })
  return values
}
