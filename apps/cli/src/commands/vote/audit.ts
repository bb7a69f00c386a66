import type { Discrepancy } from '@cloister/ballots'
import { showAmount } from '@cloister/core'
import { votes } from '@cloister/sdk'
import { paint, printable, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { CLOI, short } from '../../show.ts'
import { readVotes, type VotesOptions } from './votes-file.ts'

const WHAT: Record<Discrepancy['what'], string> = {
  'no-envelope': 'is counted, and its signed vote isn’t among those given',
  'other-choice': 'is counted with another choice than it signed',
  'bad-signature': 'has a vote that its key didn’t sign',
  'not-posted': 'signed a vote that isn’t on the chain',
  'newer-not-posted': 'signed a later vote that isn’t on the chain',
}

export async function audit(id: string, options: Globals & VotesOptions): Promise<void> {
  const cloister = connect(options)
  const { ballot } = await votes.find(cloister, id)
  const found = await votes.audit(cloister, ballot.id, await readVotes(cloister, ballot.id, options))
  const { recomputed, onChain, isSame, counted, byTransaction, envelopes, discrepancies } = found
  if (!isSame) process.exitCode = 1
  if (options.json)
    return sayJson({
      ballot: ballot.id,
      isSame,
      recomputed,
      onChain,
      counted,
      byTransaction,
      envelopes,
      discrepancies,
    })
  say(
    `${counted} voters are counted on the chain, ${byTransaction} of them by a transaction. ${envelopes} signed votes were given.`,
  )
  say(
    table(
      ['choice', 'counted anew', 'on the chain'],
      recomputed.sums.map((sum, at) => [
        printable(ballot.choices[at] ?? `ranking ${at + 1}`),
        showAmount(sum, CLOI),
        showAmount(onChain.sums[at] ?? 0n, CLOI),
      ]),
      ['counted anew', 'on the chain'],
    ),
  )
  if (discrepancies.length > 0)
    say(
      table(
        ['voter', 'what'],
        discrepancies.map(({ voter, what }) => [short(voter), WHAT[what]]),
      ),
    )
  say(
    isSame
      ? `${paint('green', '●')} The chain’s tally is right to the unit.`
      : `${paint('red', '✗')} The chain’s tally is not what its votes come to.`,
  )
}
