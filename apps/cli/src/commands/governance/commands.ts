import type { Command } from 'commander'
import { command, later } from '../../command.ts'

export function addGovernance(program: Command): void {
  command(
    program,
    'governance',
    'what governance announced, suspended and proposed: who did, and when it takes effect',
    'cloister governance --all',
  )
    .option('-a, --all', 'what is over as well')
    .action(later(async () => (await import('./governance.ts')).showGovernance))
}
