import { apps } from '@cloister/sdk'
import { paint, printable, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { short } from '../../show.ts'

export async function showKeys(options: Globals): Promise<void> {
  const cloister = connect(options)
  const seats = await apps.keyService(cloister)
  if (options.json) return sayJson(seats)
  if (seats.length === 0) return say('No seat of the key service is filled: nothing can be sealed here.')
  say(
    table(
      ['seat', 'worker', 'provider', 'lease', 'gives keys', 'holds'],
      seats.map(({ index, worker, provider, lease, state, problem }) => [
        String(index),
        short(worker),
        short(provider),
        lease.slice(2, 18),
        state?.open ? paint('green', 'yes') : paint('red', problem === undefined ? 'not yet' : 'no'),
        problem === undefined
          ? `parts ${[0, 1, 2].filter((part) => part !== index).join(' and ')} of three`
          : printable(problem),
      ]),
    ),
  )
  const open = seats.filter(({ state }) => state?.open).length
  say()
  say(
    open === 3
      ? 'Any two of them open what is sealed; any one may be lost.'
      : open === 2
        ? paint(
            'yellow',
            'Two of three answer: secrets can be sealed and opened, and no other one may be lost.',
          )
        : paint('red', 'Fewer than two of three answer: no secret can be sealed or opened now.'),
  )
}
