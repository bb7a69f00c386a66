import type { Command } from 'commander'
import { command, later } from '../../command.ts'
import { POOLS_SHOWN } from './pools-shown.ts'

export function addStake(program: Command): void {
  const stake = program
    .command('stake')
    .description('back providers with CLOI, and share what their pools earn')
  command(
    stake,
    'pools',
    'pools: stake, commission, GPUs, yields; and the network’s emission beside its fees',
    'cloister stake pools',
  )
    .option('--all', `show all of them, not just the ${POOLS_SHOWN} with most stake`)
    .action(later(async () => (await import('./pools.ts')).showPools))
  command(
    stake,
    'delegate <provider> <amount>',
    'put CLOI into a provider’s pool',
    'cloister stake delegate 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 100',
  ).action(later(async () => (await import('./delegate.ts')).put))
  command(
    stake,
    'exit <provider> [amount]',
    'begin to leave a pool, with an amount or with everything; takes 21 days',
    'cloister stake exit 0x7099 50',
  ).action(later(async () => (await import('./exit.ts')).leave))
  command(
    stake,
    'cancel <id>',
    'stay after all: an exit becomes active stake again',
    'cloister stake cancel 3',
  ).action(later(async () => (await import('./cancel.ts')).stay))
  command(
    stake,
    'withdraw [id]',
    'take out an exit that is ready, or all that are',
    'cloister stake withdraw',
  ).action(later(async () => (await import('./withdraw.ts')).withdraw))
  command(
    stake,
    'move <from> <to> [amount]',
    'move stake to another pool without the waiting time, once in 21 days',
    'cloister stake move 0x7099 0x3c44',
  ).action(later(async () => (await import('./move.ts')).move))
  command(stake, 'rewards', 'what an account has staked, has leaving and can claim', 'cloister stake rewards')
    .option('--of <address>', 'whose; default: the account’s own')
    .action(later(async () => (await import('./rewards.ts')).showRewards))
  command(stake, 'claim', 'have rewards paid out, in one transaction', 'cloister stake claim')
    .option('--of <address>', 'whose, paid to them; default: the account’s own')
    .action(later(async () => (await import('./claim.ts')).claim))
  command(
    stake,
    'audit',
    'recompute every pool, position, reward and the supply from the chain’s events alone',
    'cloister stake audit',
  ).action(later(async () => (await import('./audit.ts')).audit))
  command(
    stake,
    'report <what> [and]',
    'report a refused lease, or two receipts or bids (JSON files) that contradict each other, for a reward',
    'cloister stake report LEASE',
  ).action(later(async () => (await import('./report.ts')).report))
}
