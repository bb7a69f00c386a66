import { CloisterError, formatMiB } from '@cloister/core'
import { verifySnapshots } from '@cloister/snapshots'
import { paint, Steps, say, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { defaultPlace, openRepository } from '../../snapshots/place.ts'

export async function runVerify(
  place = defaultPlace(),
  options: Globals & { quick?: boolean },
): Promise<void> {
  const json = options.json === true
  const repository = await openRepository(place, options)
  const steps = new Steps(json)
  steps.begin('verify')
  const checked = await steps.until(
    verifySnapshots(repository, {
      quick: options.quick === true,
      tell: (bytes) => steps.begin('verify', `${formatMiB(Math.ceil(bytes / 1024 ** 2))} read`),
    }),
  )
  if (json) sayJson(checked)
  else
    for (const { id, blocks, problem } of checked)
      say(
        problem === undefined
          ? `${paint('green', '✔')} ${id}: ${blocks} blocks`
          : `${paint('red', '✘')} ${id}: ${problem}`,
      )
  const bad = checked.filter(({ problem }) => problem !== undefined)
  if (bad.length > 0)
    throw new CloisterError(
      'snapshot-damaged',
      `${bad.length} of ${checked.length} snapshots in ${place} can't be restored.`,
      { hint: 'Take a new one. What is lost is written again then, and older ones may be whole again.' },
    )
}
