import { appendFileSync } from 'node:fs'
import { type Ballot, writeEnvelope } from '@cloister/ballots'
import { CloisterError, showAmount } from '@cloister/core'
import { type Cloister, type PowerReport, votes, walletOf } from '@cloister/sdk'
import { note, paint, printable, say, sayJson } from '@cloister/terminal'
import { confirm } from '../../ask.ts'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { CLOI, instant } from '../../show.ts'
import { voteJournal } from '../../vote-journal.ts'
import { parseChoice } from './choice.ts'
import { checkPower } from './power.ts'

interface CastOptions extends Globals {
  reason?: string
  hub?: string
  save?: string
  transaction?: boolean
}

export async function cast(id: string, words: string[], options: CastOptions): Promise<void> {
  const cloister = connect(options)
  const account = walletOf(cloister).account.address
  const { ballot, standing } = await votes.find(cloister, id)
  if (standing.now > ballot.end)
    throw new CloisterError('not-voting', `Voting on this ballot ended at ${instant(ballot.end)}.`)
  const choice = parseChoice(ballot, words)
  const power = await votes.power(cloister, ballot, account)
  checkPower(account, ballot, power)
  if (!options.yes && !options.json) {
    tell(ballot, words, power)
    if (!(await confirm('Sign this vote?'))) throw new CloisterError('cancelled', 'Nothing was signed.')
  }
  if (options.transaction) return byTransaction(cloister, ballot, choice, options)
  const vote = await votes.sign(cloister, ballot, choice, { reason: options.reason ?? '', app: 'cloister' })
  if (options.save !== undefined) {
    appendFileSync(options.save, `${writeEnvelope(vote)}\n`)
    if (options.json)
      return sayJson({ id: vote.id, ballot: ballot.id, power: power.most, file: options.save })
    return say(
      `${paint('green', '●')} The vote is signed, and in ${options.save}. Anybody can post it: \`cloister vote post ${ballot.id.slice(0, 10)} --file ${options.save}\`.`,
    )
  }
  // Kept before it is handed in: whatever becomes of the answer, the vote is there.
  const kept = await votes.keep(cloister, vote, options.hub)
  voteJournal.write(kept)
  const receipt = await votes.handIn(cloister, vote, options.hub)
  voteJournal.write({ ...kept, receipt })
  if (options.json) return sayJson({ id: vote.id, ballot: ballot.id, power: power.most, receipt })
  say(
    `${paint('green', '●')} Voted with ${showAmount(power.most, CLOI)}. The hub ${receipt.hub} signed for it, and published it as ${receipt.content}.`,
  )
  say(
    paint(
      'dim',
      `It counts once it is on the chain, by ${instant(ballot.postingEnd)}; whoever likes can see to that: cloister vote post ${ballot.id.slice(0, 10)}. The receipt is kept: cloister vote receipts`,
    ),
  )
}

async function byTransaction(
  cloister: Cloister,
  ballot: Ballot,
  choice: Parameters<typeof votes.castOnChain>[2],
  { json }: CastOptions,
): Promise<void> {
  const transaction = await votes.castOnChain(cloister, ballot, choice)
  if (json) return sayJson({ ballot: ballot.id, transaction })
  say(`${paint('green', '●')} Voted by transaction ${transaction}. It is counted.`)
}

function tell({ title, kind, choices }: Ballot, words: string[], { most, parts }: PowerReport): void {
  note(`${printable(title)} (${kind}; ${choices.map((one, at) => `${at + 1} ${printable(one)}`).join(', ')})`)
  note(`Your vote: ${words.map(printable).join(', ')}, with ${showAmount(most, CLOI)}.`)
  if (parts.some(({ kind: part }) => part === 'pool'))
    note('Your pool’s delegators who vote themselves take their part of it out of your vote.')
}
