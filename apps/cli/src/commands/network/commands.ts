import type { Command } from 'commander'
import { command, later } from '../../command.ts'

export function addNetwork(program: Command): void {
  const network = program.command('network').description('private networks between your leases')
  command(network, 'ls', 'your private networks, and which leases are on each', 'cloister network ls').action(
    later(async () => (await import('./list.ts')).listNetworks),
  )
  command(
    network,
    'show <name>',
    'who is on a private network: names, addresses, and how each reaches the others',
    'cloister network show backend',
  ).action(later(async () => (await import('./show.ts')).showNetwork))
}
