import { resolve } from 'node:path'
import type { Log } from '@cloister/agent'
import type { ProviderOptions } from './options.ts'
import { readableLog, runUntilAsked } from './run-until-asked.ts'
import { openSimulated } from './simulated.ts'

export async function runNode(options: ProviderOptions): Promise<void> {
  const { jsonLog, loadAgentConfig, startNode } = await import('@cloister/agent')
  const path = resolve(options.config)
  const config = loadAgentConfig(path)
  const log: Log = options.json || !process.stdout.isTTY ? jsonLog(config.name) : readableLog()
  await runUntilAsked({ config, path, log, start: () => startNode(config, log, openSimulated) })
}
