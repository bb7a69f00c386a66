import { CloisterError, formatMiB } from '@cloister/core'
import { prune } from '@cloister/snapshots'
import { Steps, say, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { defaultPlace, openRepository } from '../../snapshots/place.ts'

export async function runPrune(place = defaultPlace(), options: Globals & { keep: string }): Promise<void> {
  const json = options.json === true
  const keep = /^\d{1,6}$/.test(options.keep) ? Number(options.keep) : 0
  if (keep < 1)
    throw new CloisterError('bad-option', `--keep is ${options.keep}; it has to be a number from 1 on.`)
  const repository = await openRepository(place, options)
  const steps = new Steps(json)
  steps.begin('prune')
  const pruned = await steps.until(prune(repository, { keep }))
  if (json) return sayJson(pruned)
  say(
    `Removed ${pruned.removed.length} of ${pruned.removed.length + pruned.kept.length} snapshots; ${formatMiB(Math.ceil(pruned.freedBytes / 1024 ** 2))} are free again in ${place}.`,
  )
}
