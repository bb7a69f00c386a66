import type { Command } from 'commander'
import { command, later } from '../../command.ts'

export function addWitness(program: Command): void {
  const witness = program
    .command('witness')
    .description('say where a machine stands, as somebody who saw it (Proof of Cloud labels)')
  command(witness, 'create', 'make a witness’s key', 'cloister witness create -o witness.json')
    .requiredOption('-o, --output <file>', 'where to keep it')
    .action(later(async () => (await import('./create.ts')).create))
  command(
    witness,
    'sign <platform>',
    'sign a label of a platform: its id on chain, or a worker that runs on it',
    'cloister witness sign 0x… --key witness.json --label hetzner/fsn1/dc14',
  )
    .requiredOption('--key <file>', 'the key that `cloister witness create` made')
    .option('--label <place>', 'where it stands, from the wide to the narrow, parted by /')
    .option('--revoke', 'take back what was said before')
    .action(later(async () => (await import('./sign.ts')).sign))
}
