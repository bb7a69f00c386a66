import { writeEnvelope } from '@cloister/ballots'
import { type Followed, votes } from '@cloister/sdk'
import { paint, printable, say, sayJson, table } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import { writeOutput } from '../../output-file.ts'
import { instant } from '../../show.ts'
import { voteJournal } from '../../vote-journal.ts'

const AT_HUB: Record<Followed['hub'], string> = {
  kept: 'keeps it',
  unlisted: 'leaves it out of what others post',
  withheld: 'doesn’t give it',
  'not-signed-for': 'hasn’t it',
  unreachable: 'doesn’t answer',
}
const ON_CHAIN: Record<Followed['chain'], string> = {
  counted: 'counted',
  replaced: 'a later vote is counted',
  'not-posted': 'not posted',
}
const RECEIPT: Record<Followed['receipt'], string> = {
  good: 'good',
  bad: 'of something else',
  'other-key': 'by another key',
  none: 'none came',
}

export async function receipts(id: string | undefined, options: Globals & { save?: string }): Promise<void> {
  const cloister = connect(options)
  const wanted = id === undefined ? undefined : (await votes.find(cloister, id)).ballot.id
  const kept = voteJournal.list().filter(({ vote }) => wanted === undefined || vote.proposal === wanted)
  const all = (await votes.follow(cloister, kept)).sort(
    (one, other) => other.kept.vote.timestamp - one.kept.vote.timestamp,
  )
  const unposted = all.filter(({ chain }) => chain === 'not-posted').map(({ kept: { vote } }) => vote)
  if (options.save !== undefined)
    writeOutput(options.save, unposted.map((vote) => `${writeEnvelope(vote)}\n`).join(''))
  const broken = all.filter(isBroken)
  if (broken.length > 0) process.exitCode = 1
  if (options.json) return sayJson({ votes: all.map(json), file: options.save })
  if (all.length === 0) return say('No vote was cast from here on this network: `cloister vote list`.')
  say(
    table(
      ['ballot', 'signed', 'hub', 'receipt', 'its hub', 'chain'],
      all.map(({ kept: one, receipt, hub, chain }) => [
        one.vote.proposal.slice(0, 10),
        instant(one.vote.timestamp),
        printable(one.hub).slice(0, 40),
        RECEIPT[receipt],
        AT_HUB[hub],
        ON_CHAIN[chain],
      ]),
    ),
  )
  for (const line of broken.flatMap(charge)) say(line)
  if (options.save !== undefined)
    return say(
      `Votes that aren’t posted, ${unposted.length} of them, are in ${options.save}: \`cloister vote post BALLOT --file ${options.save}\`.`,
    )
  if (unposted.length > 0)
    say(
      paint(
        'dim',
        'Whoever likes posts what isn’t posted, with `cloister vote post`; `cloister vote receipts --save FILE` writes yours to a file, which needs no hub.',
      ),
    )
}

/** Whether a hub doesn’t do what it signed. A later vote doesn’t excuse it: it keeps them all. */
function isBroken({ receipt, hub }: Followed): boolean {
  return receipt === 'good' && (hub === 'withheld' || hub === 'unlisted')
}

/** What shows it, for others to check. */
function charge({ kept: { receipt, vote, hub: url }, hub }: Followed): string[] {
  if (!receipt) return []
  return [
    `${paint('red', '✗')} The hub ${receipt.hub} signed at ${instant(receipt.receivedAt)} that it has the vote ${vote.id} as ${printable(receipt.content)}, and ${url} ${AT_HUB[hub]}.`,
    `  Its receipt, which anybody can check: ${JSON.stringify(receipt)}`,
  ]
}

function json({ kept: { vote, hub: url, receipt: signed }, receipt, hub, chain }: Followed) {
  return {
    id: vote.id,
    ballot: vote.proposal,
    voter: vote.from,
    timestamp: vote.timestamp,
    choice: vote.choice,
    hub: url,
    receipt: signed,
    isReceiptGood: receipt === 'good',
    atHub: hub,
    onChain: chain,
  }
}
