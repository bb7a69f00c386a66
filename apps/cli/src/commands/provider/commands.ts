import type { Command } from 'commander'
import { command, later } from '../../command.ts'
import { withConfig } from './options.ts'

export function addProvider(program: Command): void {
  const provider = program.command('provider').description('earn with this machine; no approval is needed')
  const sub = (usage: string, summary: string, example: string) =>
    command(provider, usage, summary, example).option(
      '-c, --config <file>',
      'the configuration file',
      'provider.yaml',
    )
  withConfig(
    sub(
      'join',
      'everything from nothing to earning: configuration, registration, stake, attestation, collateral, a first bid; then runs the worker',
      'cloister provider join --account alice --endpoint https://worker.example.com --gpus 8 --gpu-class h200',
    ),
  )
    .option('--stake <amount>', 'CLOI for your own pool; default: the collateral that the GPUs need')
    .option('--no-run', 'stop after the first bid instead of running on')
    .action(later(async () => (await import('./join.ts')).join))
  withConfig(
    sub(
      'init',
      'write a configuration file if there is none, and register the worker it describes',
      'cloister provider init --account alice --endpoint https://worker.example.com',
    ),
  ).action(later(async () => (await import('./init.ts')).init))
  withConfig(
    sub(
      'import <file>',
      'write a configuration from an Akash provider’s provider.yaml, and say what became of each line',
      'cloister provider import provider.yaml --script price_script.sh -c cloister.yaml',
    ),
  )
    .option('--script <file>', 'its price script; default: the one in the file, if there is one')
    .action(later(async () => (await import('./import.ts')).importProvider))
  sub('run', 'run the worker until Ctrl-C', 'cloister provider run -c provider.yaml')
    .option(
      '--metrics <[host:]port>',
      'answer /metrics, /health and /ready there; a port alone is on loopback',
    )
    .action(later(async () => (await import('./run.ts')).run))
  sub(
    'node',
    'run this machine as a node of another worker of yours, until Ctrl-C',
    'cloister provider node -c node.yaml',
  ).action(later(async () => (await import('./node.ts')).runNode))
  sub(
    'machines',
    'the machines of a worker on a Swarm, and how many leases have volumes on each',
    'cloister provider machines',
  ).action(later(async () => (await import('./machines.ts')).showMachines))
  sub(
    'forget <machine>',
    'say that a machine of a Swarm is gone for good, so that tenants whose volumes were on it are told',
    'cloister provider forget node-7',
  ).action(later(async () => (await import('./machines.ts')).forgetMachine))
  sub('status', 'what the worker does and what there is to withdraw', 'cloister provider status').action(
    later(async () => (await import('./status.ts')).showStatus),
  )
  sub('rewards', 'what this provider’s GPUs and stake earned, hour by hour', 'cloister provider rewards')
    .option('--hours <number>', 'how many hours to show', '24')
    .action(later(async () => (await import('./rewards.ts')).showRewards))
  sub(
    'commission <percent>',
    'what the provider keeps of what its pool’s stake earns; more holds after a week',
    'cloister provider commission 5',
  ).action(later(async () => (await import('./commission.ts')).commission))
  command(
    provider,
    'end <lease>',
    'give a lease notice; its worker serves it until then, and closes it',
    'cloister provider end 7f3a9c…',
  ).action(later(async () => (await import('./end.ts')).endLease))
  sub('withdraw', 'take out what was earned', 'cloister provider withdraw --to 0x…')
    .option('--to <address>', 'account to send it to; default: the provider')
    .action(later(async () => (await import('./withdraw.ts')).withdraw))
  sub(
    'price [token]',
    'show prices, or set them; a running worker takes them up at once',
    'cloister provider price USDC --cpu 0.02 --memory 0.005',
  )
    .option('--cpu <amount>', 'one CPU for an hour')
    .option('--memory <amount>', 'one GiB of memory for an hour')
    .option('--disk <amount>', 'one GiB of disk for an hour')
    .option('--minimum-deposit <amount>', 'the least that a lease is opened with')
    .option('--gpu <class=amount...>', 'one GPU of a class for an hour')
    .action(later(async () => (await import('./price.ts')).price))
}
