import type { Command } from 'commander'
import { command, later } from '../../command.ts'
import { withLoginOption, withManifestOptions, withSecretOptions } from '../../options.ts'
import { TIMEOUT_OPTION, withBidOptions } from '../leases/options.ts'

export function addCluster(program: Command): void {
  const cluster = program
    .command('cluster')
    .description('leases of one file on one private network, all or none, each told its rank')
  const upCommand = command(
    cluster,
    'up [file]',
    'open and start N leases of a file; repeat it to go on with one that was broken off',
    'cloister cluster up compose.yaml -n 4 --name mpi --for 2h',
  )
  withLoginOption(withSecretOptions(withBidOptions(withManifestOptions(upCommand))))
    .requiredOption('-n, --size <number>', 'how many leases, 1 to 64')
    .option('--name <name>', 'what it is called; its leases are NAME-0, NAME-1, …; default: as the file says')
    .option('--per-worker <number>', 'leases that one worker gets at the most; 1 spreads them')
    .option('--deposit <amount>', 'money to put into each lease, in whole tokens')
    .option('--for <time>', 'put in as much as lasts this long, such as 2h or 7d (default 24h)')
    .option(...TIMEOUT_OPTION)
    .action(later(async () => (await import('./up.ts')).runUp))
  command(
    cluster,
    'ls',
    'your clusters, and how many of their leases are open',
    'cloister cluster ls',
  ).action(later(async () => (await import('./list.ts')).listClusters))
  command(
    cluster,
    'show <name>',
    'the leases of a cluster: state, money, and how many others each reaches',
    'cloister cluster show mpi',
  ).action(later(async () => (await import('./show.ts')).showCluster))
  command(
    cluster,
    'down <name>',
    'close all leases of a cluster; what is left is paid back',
    'cloister cluster down mpi',
  ).action(later(async () => (await import('./down.ts')).runDown))
}
