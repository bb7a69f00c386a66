import type { Command } from 'commander'
import type { Globals } from '../../command.ts'

/** Options of everything a provider does. */
export interface ProviderOptions extends Globals {
  config: string
}

/** What a new configuration is written from. */
export interface ConfigOptions extends ProviderOptions {
  name: string
  endpoint?: string
  port?: string
  engine: string
  gpus: string
  gpuClass: string
  manager?: string
}

/** Adds the options that a new configuration is written from. */
export function withConfig(command: Command): Command {
  return command
    .option('--name <name>', 'shown to tenants', 'worker')
    .option('--endpoint <url>', 'where tenants and gateways reach this worker')
    .option('--port <port>', 'port to listen on (default: the one in --endpoint, else 7070)')
    .option('--engine <engine>', 'sandbox, docker, or swarm or kubernetes for several machines', 'sandbox')
    .option('--manager <worker>', 'this machine is a node of that worker’s, and lends nothing itself')
    .option('--gpus <number>', 'GPUs of this machine', '0')
    .option('--gpu-class <class>', 'their class: h100, h200 or b200', 'h100')
}
