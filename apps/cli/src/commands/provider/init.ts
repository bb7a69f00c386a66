import { paint, say, sayJson } from '@cloister/terminal'
import type { Command } from 'commander'
import { openProvider } from './config.ts'
import type { ConfigOptions } from './options.ts'

export async function init(options: ConfigOptions, self: Command): Promise<void> {
  const { enrolWorker, loadWorkerKey } = await import('@cloister/agent')
  const { path, config, wallet } = await openProvider(options, self)
  const key = loadWorkerKey(config.folder)
  const outcome = await enrolWorker(wallet, key, config)
  if (options.json)
    return sayJson({ config: path, worker: key.address, provider: wallet.account.address, outcome })
  say(
    `The worker ${key.address} is ${outcome === 'unchanged' ? 'registered as it is' : outcome} for the provider ${wallet.account.address}.`,
  )
  say(
    paint(
      'dim',
      `  Start it: cloister provider ${config.manager === undefined ? 'run' : 'node'} -c ${options.config}`,
    ),
  )
}
