import { CloisterError } from '@cloister/core'
import { type BallotStatus, type Cloister, votes } from '@cloister/sdk'
import { note, paint, printable, say, sayJson } from '@cloister/terminal'
import type { Hex } from 'viem'
import { confirm } from '../../ask.ts'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { callLines } from './show.ts'
import { nextOf } from './standing.ts'

type Step = (cloister: Cloister, status: BallotStatus) => Promise<Hex>

export const queue = (id: string, options: Globals) => take(id, options, 'Queued', votes.queue)
export const execute = (id: string, options: Globals) => take(id, options, 'Executed', votes.execute)
export const callOff = (id: string, options: Globals) => take(id, options, 'Called off', votes.callOff)
export const bond = (id: string, options: Globals) => take(id, options, 'Bond paid', votes.payBond)

/** Does one step with a ballot, and says what is next. */
async function take(id: string, options: Globals, done: string, step: Step): Promise<void> {
  const cloister = connect(options)
  const before = await votes.find(cloister, id)
  if (!options.yes && !options.json) {
    note(`${printable(before.ballot.title)}, ballot ${before.ballot.id}`)
    if (step !== votes.payBond) for (const line of callLines(cloister, before)) note(line)
  }
  if (
    !options.yes &&
    !options.json &&
    !(await confirm(`It is ${before.standing.state}. Send the transaction?`))
  )
    throw new CloisterError('cancelled', 'Nothing was sent.')
  const transaction = await step(cloister, before)
  const after = await votes.find(cloister, before.ballot.id)
  if (options.json) return sayJson({ ballot: after.ballot.id, transaction, state: after.standing.state })
  say(`${paint('green', '●')} ${done}, by transaction ${transaction}. Next: ${nextOf(after)}.`)
}
