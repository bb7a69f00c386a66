import type { Command } from 'commander'
import { command, later } from '../../command.ts'

const COMMITTEE = 'the technical committee instead of the council'

export function addCouncil(program: Command): void {
  const council = program
    .command('council')
    .description('council and technical committee: who has a seat, what they move, elections')
  command(council, 'show', 'who has a seat, until when, and what is moved', 'cloister council show')
    .option('--committee', COMMITTEE)
    .action(later(async () => (await import('./show.ts')).show))
  for (const [act, does, example] of [
    ['veto', 'as a member, be for vetoing a ballot that is queued', 'cloister council veto 0x5f3a'],
    ['spam', 'as a member, be for calling a ballot spam', 'cloister council spam 0x5f3a'],
    [
      'hasten',
      'as a member, be for making an emergency ballot shorter',
      'cloister council hasten 0x5f3a --committee',
    ],
  ] as const)
    command(council, `${act} <ballot>`, does, example)
      .option('--committee', COMMITTEE)
      .action(later(async () => (await import('./act.ts'))[act]))
  command(
    council,
    'spend <amount> <to>',
    'as a member, be for a payment out of the allowance that a ballot gave the council',
    'cloister council spend 250 0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
  )
    .option('--token <symbol>', 'of what; default: CLOI')
    .action(later(async () => (await import('./act.ts')).spend))
  command(council, 'second <motion>', 'as a member, be for a motion of a number', 'cloister council second 3')
    .option('--committee', COMMITTEE)
    .action(later(async () => (await import('./act.ts')).second))
  command(
    council,
    'seat <ballot>',
    'seat those whom an election chose; anybody may',
    'cloister council seat 0x5f3a',
  )
    .option('--committee', COMMITTEE)
    .action(later(async () => (await import('./act.ts')).seat))
}
