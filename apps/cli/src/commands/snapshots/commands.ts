import type { Command } from 'commander'
import { command, later } from '../../command.ts'

export function addSnapshots(program: Command): void {
  command(
    program,
    'snapshot <lease>',
    'keep what the volumes of a lease hold, sealed so that you alone can read it; only what is new is sent',
    'cloister snapshot my-app --to backups',
  )
    .option(
      '--to <place>',
      'a folder, s3://BUCKET/PREFIX, or lease:NAME/FOLDER; default: CLOISTER_SNAPSHOTS, or ~/.cloister/snapshots',
    )
    .option('--volume <name...>', 'only these volumes')
    .option('--pause', 'have its containers stand still meanwhile, so that all files are of one moment')
    .action(later(async () => (await import('./take.ts')).runSnapshot))
  const snapshots = program.command('snapshots').description('snapshots of volumes that you have taken')
  command(snapshots, 'list [place]', 'which there are', 'cloister snapshots list backups').action(
    later(async () => (await import('./list.ts')).showSnapshots),
  )
  command(
    snapshots,
    'verify [place]',
    'read all of them, to see that they can be restored',
    'cloister snapshots verify backups',
  )
    .option('--quick', 'look only whether everything is there')
    .action(later(async () => (await import('./verify.ts')).runVerify))
  command(
    snapshots,
    'prune [place]',
    'remove old ones, and what no other one needs',
    'cloister snapshots prune backups --keep 7',
  )
    .requiredOption('--keep <number>', 'so many of the newest of each lease stay')
    .action(later(async () => (await import('./prune.ts')).runPrune))
}
