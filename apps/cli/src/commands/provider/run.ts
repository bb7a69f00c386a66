import { resolve } from 'node:path'
import type { Log } from '@cloister/agent'
import type { ProviderOptions } from './options.ts'
import { readableLog, runUntilAsked } from './run-until-asked.ts'
import { openSimulated } from './simulated.ts'

export async function run(options: ProviderOptions & { metrics?: string }): Promise<void> {
  const { jsonLog, loadAgentConfig, operateWorker, startWorker } = await import('@cloister/agent')
  const config = loadAgentConfig(resolve(options.config))
  const log: Log = options.json || !process.stdout.isTTY ? jsonLog(config.name) : readableLog()
  await runUntilAsked({
    config,
    path: resolve(options.config),
    log,
    start: async () => {
      const running = await startWorker(config, log, openSimulated)
      if (options.metrics === undefined) return running
      const operated = await operateWorker(running.worker, options.metrics)
      log('info', `metrics are at ${operated.url}`)
      return { ...running, stop: () => running.stop().finally(operated.close) }
    },
  })
}
