import type { Command } from 'commander'
import { command, later } from '../../command.ts'

const HUB = 'hub to use; default: the network’s'

export function addVote(program: Command): void {
  const vote = program
    .command('vote')
    .description('ballots: propose, vote for free, post votes, carry out what passed, check the count')
  command(vote, 'list', 'ballots: how they stand, and what is next', 'cloister vote list')
    .option('-a, --all', 'those that are over as well')
    .action(later(async () => (await import('./list.ts')).list))
  command(
    vote,
    'show <ballot>',
    'a ballot: text, calls, tally, rules of its track, your power, times left',
    'cloister vote show 0x5f3a',
  ).action(later(async () => (await import('./show.ts')).show))
  command(
    vote,
    'propose',
    'propose a ballot, and leave the track’s bond',
    'cloister vote propose --title "An audit" --track small --pay 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --amount 500',
  )
    .requiredOption('--title <text>', 'what it is about, in a line')
    .option('--text <file>', 'the reasons, as Markdown')
    .option('--track <name>', 'parameters, small, medium, large, contracts, guests, emergency or election')
    .option('--kind <name>', 'basic, single-choice, approval, weighted or ranked-choice; default: basic')
    .option('--choice <text...>', 'what there is to choose from, but for a basic ballot')
    .option(
      '--calls <file>',
      'JSON: [{"to", "function", "args", "value", "announced"}, …], made if it passes',
    )
    .option('--pay <address>', 'pay somebody out of the treasury')
    .option('--amount <amount>', 'how much')
    .option('--grant <address>', 'grant somebody money of the community pool')
    .option(
      '--milestone <terms...>',
      'of a grant, each: "1000 by YYYY-MM-DD over 30d", its day within four years',
    )
    .option('--token <symbol>', 'of what; default: CLOI')
    .option('--council <address>', 'of an election: the council or committee that is elected')
    .option('--candidate <address...>', 'of an election: who stands for it, in the order of the choices')
    .action(later(async () => (await import('./propose.ts')).propose))
  command(
    vote,
    'publish <ballot> <file>',
    'publish a ballot’s text at a hub: it is what its hash on the chain says, whoever brings it',
    'cloister vote publish 0x5f3a text.json',
  )
    .option('--hub <url>', HUB)
    .action(later(async () => (await import('./publish.ts')).publish))
  command(
    vote,
    'cast <ballot> <choice...>',
    'vote: a signature, which costs nothing; a later vote takes its place',
    'cloister vote cast 0x5f3a for --reason "The audit is due"',
  )
    .option('--reason <text>', 'why; everybody can read it')
    .option('--hub <url>', HUB)
    .option('--save <file>', 'hand it to nobody; add it to a file, which anybody can post')
    .option('--transaction', 'vote by a transaction instead, and pay the gas')
    .action(later(async () => (await import('./cast.ts')).cast))
  command(
    vote,
    'receipts [ballot]',
    'votes that were cast from here: whether their hubs keep what they signed for, and the chain counts them',
    'cloister vote receipts 0x5f3a',
  )
    .option('--save <file>', 'write those that aren’t posted to a file, which anybody can post')
    .action(later(async () => (await import('./receipts.ts')).receipts))
  command(
    vote,
    'post <ballot>',
    'post votes on the chain, yours and everybody’s, and pay the gas; goes on where it was after a break',
    'cloister vote post 0x5f3a --file votes.ndjson',
  )
    .option('--hub <url>', HUB)
    .option('--file <file>', 'votes as a hub exports them (NDJSON), instead of a hub’s')
    .action(later(async () => (await import('./post.ts')).post))
  command(
    vote,
    'queue <ballot>',
    'start the timelock of a ballot that passed; anybody may',
    'cloister vote queue 0x5f3a',
  ).action(later(async () => (await import('./carry-out.ts')).queue))
  command(
    vote,
    'execute <ballot>',
    'make the calls of a ballot whose timelock is over; anybody may',
    'cloister vote execute 0x5f3a',
  ).action(later(async () => (await import('./carry-out.ts')).execute))
  command(
    vote,
    'call-off <ballot>',
    'call off what a ballot announced that was vetoed or expired; anybody may',
    'cloister vote call-off 0x5f3a',
  ).action(later(async () => (await import('./carry-out.ts')).callOff))
  command(
    vote,
    'bond <ballot>',
    'pay a ballot’s bond back, once its voting is over; anybody may',
    'cloister vote bond 0x5f3a',
  ).action(later(async () => (await import('./carry-out.ts')).bond))
  command(
    vote,
    'audit <ballot>',
    'count a ballot anew, of the chain’s events and the votes themselves, and compare',
    'cloister vote audit 0x5f3a --file votes.ndjson',
  )
    .option('--hub <url>', HUB)
    .option('--file <file>', 'votes as a hub exports them (NDJSON), instead of a hub’s')
    .action(later(async () => (await import('./audit.ts')).audit))
  command(
    vote,
    'register',
    'register your liquid CLOI, now and to come, so that it votes; staked CLOI votes anyway',
    'cloister vote register',
  )
    .option('--with <address>', 'another account that is to vote with it')
    .action(later(async () => (await import('./register.ts')).register))
}
