import { resolve } from 'node:path'
import type { Log } from '@cloister/agent'
import type { ProviderOptions } from './options.ts'
import { readableLog, runUntilAsked } from './run-until-asked.ts'
import { openSimulated } from './simulated.ts'

export async function run(options: ProviderOptions): Promise<void> {
  const { jsonLog, loadAgentConfig, startWorker } = await import('@cloister/agent')
  const config = loadAgentConfig(resolve(options.config))
  const log: Log = options.json || !process.stdout.isTTY ? jsonLog(config.name) : readableLog()
  await runUntilAsked({
    config,
    path: resolve(options.config),
    log,
    start: () => startWorker(config, log, openSimulated),
  })
}
