import type { LeftOut } from '@cloister/ballots'
import { CloisterError } from '@cloister/core'
import { votes } from '@cloister/sdk'
import { note, paint, Steps, say, sayJson, table } from '@cloister/terminal'
import { confirm } from '../../ask.ts'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { instant, short } from '../../show.ts'
import { readVotes, type VotesOptions } from './votes-file.ts'

export async function post(id: string, options: Globals & VotesOptions): Promise<void> {
  const cloister = connect(options)
  const json = options.json === true
  const status = await votes.find(cloister, id)
  const { ballot, standing } = status
  const { state, now } = standing
  // One that a majority of all power passed early takes votes still, until it is queued.
  const isOpen = state === 'voting' || state === 'posting' || (state === 'passed' && now < ballot.postingEnd)
  if (!isOpen)
    throw new CloisterError('not-voting', `Votes could be posted until ${instant(ballot.postingEnd)}.`)
  const plan = await votes.plan(cloister, status, await readVotes(cloister, ballot.id, options))
  const { due, counted } = plan
  const leftOut = [...plan.leftOut]
  if (due.length > 0 && !options.yes && !json) {
    note(`${due.length} votes are to be posted; ${counted} voters are counted already.`)
    if (!(await confirm('Post them, and pay the gas?')))
      throw new CloisterError('cancelled', 'Nothing was posted.')
  }
  const steps = new Steps(json)
  const transactions: string[] = []
  let [posted, gas] = [0, 0n]
  for await (const batch of votes.post(cloister, status, due)) {
    transactions.push(batch.transaction)
    leftOut.push(...batch.leftOut)
    posted += batch.size - batch.leftOut.length
    gas += batch.gasUsed
    steps.begin(
      'posting',
      `${transactions.length * 100 < due.length ? `${posted} of ${due.length}` : posted} votes`,
    )
  }
  steps.done()
  if (json) return sayJson({ ballot: ballot.id, posted, counted, leftOut, transactions, gas })
  for (const line of leftOutLines(leftOut)) say(line)
  if (due.length === 0) return say(`Nothing is left to post: ${counted} voters are counted.`)
  say(
    `${paint('green', '●')} Posted ${posted} votes in ${transactions.length} transactions, at ${gas / BigInt(due.length)} gas each.`,
  )
}

const REASONS: Record<LeftOut['reason'], string> = {
  'bad-signature': 'isn’t signed by its voter’s key',
  'out-of-time': 'is of a time outside of the voting',
  'bad-choice': 'has a choice that can’t be counted',
  outdated: 'is older than what is counted',
  'no-power': 'has no power',
}

function leftOutLines(leftOut: LeftOut[]): string[] {
  if (leftOut.length === 0) return []
  const rows = leftOut.map(({ voter, reason }) => [short(voter), REASONS[reason]])
  return [`${leftOut.length} votes are left out:`, table(['voter', 'its vote'], rows), '']
}
