import type { Command } from 'commander'
import type { Globals } from '../../command.ts'
import type {
  CollectorOptions,
  DnsOptions,
  LoginOptions,
  ManifestOptions,
  SecretOptions,
} from '../../options.ts'

/** Options that are about price, and whom to lease from. */
export interface BidOptions extends Globals, ManifestOptions {
  policy?: string
  pay: string
  maxPrice?: string
  provider?: string
}

export interface DeployOptions extends BidOptions, SecretOptions, LoginOptions, CollectorOptions, DnsOptions {
  logsTo?: string[]
  deposit?: string
  for?: string
  name?: string
  from?: string
  keep?: boolean
  timeout?: string
}

export interface UpdateOptions extends Globals, ManifestOptions, SecretOptions, LoginOptions {
  policy?: string
  timeout?: string
  pull?: boolean
  continue?: boolean
  rollback?: boolean
}

export interface ResizeOptions extends Omit<UpdateOptions, 'pull' | 'continue' | 'rollback'> {
  cpu?: string
  memory?: string
  disk?: string
  gpus?: string
  service?: string
  volume?: string
  add?: string
  maxPrice?: string
}

/** How long a command waits until what it starts runs: flags and what they say. */
export const TIMEOUT_OPTION = [
  '--timeout <time>',
  'give up after so long, such as 20m; default: what the health checks of the file allow',
] as const

export function withBidOptions(command: Command): Command {
  return command
    .option('--pay <token>', 'USDC or CLOI', 'USDC')
    .option('--max-price <amount>', 'highest price for an hour, in whole tokens')
    .option('--provider <address>', 'only bids of this provider or worker')
    .option(
      '--policy <policy>',
      'what the machine has to prove, such as root=intel,tcb=UpToDate,place=aws/eu-central-1,gpu=confidential,age=1h',
    )
}
