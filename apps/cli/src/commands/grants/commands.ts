import type { Command } from 'commander'
import { command, later } from '../../command.ts'

export function addGrants(program: Command): void {
  const grants = program
    .command('grants')
    .description('the community pool and its grants: milestones, what has streamed, taking it')
  command(
    grants,
    'pool',
    'what the community pool has, what of it is granted, and its share of fees and emission',
    'cloister grants pool',
  ).action(later(async () => (await import('./pool.ts')).pool))
  command(
    grants,
    'collect',
    'have fees and emission collected and divided between treasury and pool; anybody may',
    'cloister grants collect',
  ).action(later(async () => (await import('./pool.ts')).collect))
  command(grants, 'list', 'all grants, and what has streamed of each', 'cloister grants list').action(
    later(async () => (await import('./grants.ts')).list),
  )
  command(grants, 'show <grant>', 'a grant with its milestones', 'cloister grants show 3').action(
    later(async () => (await import('./grants.ts')).show),
  )
  command(
    grants,
    'withdraw <grant>',
    'pay the grantee what has streamed; anybody may',
    'cloister grants withdraw 3',
  ).action(later(async () => (await import('./grants.ts')).withdraw))
  command(
    grants,
    'send-back <grant>',
    'give the pool back what nobody confirmed in time; anybody may',
    'cloister grants send-back 3',
  ).action(later(async () => (await import('./grants.ts')).sendBack))
}
