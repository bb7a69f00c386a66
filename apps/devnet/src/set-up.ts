// Sets the network up for a supervisor that has forked this process, says what there is, sees to the key
// service and the model, and ends.
import { resolve } from 'node:path'
import { messageOf } from '@cloister/core'
import { paint, Steps, say, showError } from '@cloister/terminal'
import { readOptions } from './options.ts'
import { DistantSupervision } from './orders.ts'
import { raiseNetwork } from './raise.ts'
import { showModel, summarize } from './summary.ts'

const options = readOptions()
const begun = performance.now()
const seconds = () => (performance.now() - begun) / 1000
const steps = new Steps(false)
// A terminal's Ctrl-C comes here, too; the supervisor knows what to do about it, and ends this process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

try {
  const supervision = new DistantSupervision()
  const raised = await raiseNetwork(
    supervision,
    {
      folder: resolve(options.folder),
      fresh: options.fresh,
      freePorts: options['free-ports'],
      layer2: options.layer2,
      model: true,
      onStep: (step, detail) => steps.begin(step, detail),
    },
    new AbortController().signal,
  )
  steps.done()
  await supervision.up()
  summarize(raised, seconds())
  await Promise.all([
    raised.keys.then(
      () =>
        say(
          `${paint('green', '●')} The key service is ready after ${seconds().toFixed(1)} s: secrets can be sealed (npx cloister keys).`,
        ),
      (error) => say(`${paint('yellow', '!')} No secrets can be sealed: ${messageOf(error)}`),
    ),
    raised.model.then(
      (model) => model && showModel(model, seconds()),
      (error) => say(`${paint('yellow', '!')} No model is served: ${messageOf(error)}`),
    ),
  ])
  process.exit(0)
} catch (error) {
  steps.fail()
  showError(error, { json: false, verbose: options.verbose })
  process.exit(1)
}
