import { stake } from '@cloister/sdk'
import { bar, paint, Steps, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'

export async function audit(options: Globals): Promise<void> {
  const cloister = connect(options)
  const steps = new Steps(options.json === true)
  const began = performance.now()
  const { block, checks } = await steps.until(
    stake.audit(cloister, (part) => steps.begin('events', `${bar(part, 1)} ${Math.round(part * 100)}%`)),
  )
  const wrong = checks.flatMap((check) => check.wrong)
  if (options.json) sayJson({ block, checks })
  else {
    say(
      table(
        ['recomputed from events', 'figures', ''],
        checks.map((check) => [
          check.what,
          String(check.figures),
          check.wrong.length === 0 ? paint('green', 'agree') : paint('red', `${check.wrong.length} do not`),
        ]),
        ['figures'],
      ),
    )
    for (const line of wrong) say(paint('red', `✘ ${line}`))
    say(
      paint(
        'dim',
        `At block ${block}, in ${((performance.now() - began) / 1000).toFixed(1)} s, out of the chain alone. GPU rewards, positions and claims to the unit; what stake earned to the contracts’ rounding.`,
      ),
    )
  }
  if (wrong.length > 0) process.exitCode = 1
}
