import type { Command } from 'commander'
import { command, later } from '../../command.ts'

export function addWorkers(program: Command): void {
  command(program, 'providers', 'who offers compute, and with what record', 'cloister providers').action(
    later(async () => (await import('./providers.ts')).showProviders),
  )
  command(
    program,
    'workers',
    'workers: what they have, what they ask, how long they were there',
    'cloister workers --gpu model=h100,memory=80Gi,interface=sxm',
  )
    .option('--gpu <kind>', 'only those whose GPUs would do: model=h100,memory=80Gi,interface=sxm, or a part')
    .action(later(async () => (await import('./workers.ts')).showWorkers))
}
