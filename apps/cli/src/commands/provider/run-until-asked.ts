import { unwatchFile, watchFile } from 'node:fs'
import type { AgentConfig, Log, RunningWorker } from '@cloister/agent'
import { messageOf } from '@cloister/core'
import { onceAbandoned } from '@cloister/operations/stop'
import { giveBackAfterStart } from '@cloister/packed'
import { paint, printable, say } from '@cloister/terminal'

/** Runs a worker until Ctrl-C, or until whoever started it is gone, and takes up changed prices meanwhile. */
export async function runUntilAsked(parts: {
  config: AgentConfig
  path: string
  log: Log
  start: () => Promise<Pick<RunningWorker, 'stop'>>
}): Promise<void> {
  const { config, path, log } = parts
  const { loadAgentConfig } = await import('@cloister/agent')
  // Asked to stop while it starts, it starts, and then stops as it should: containers may run already.
  const asked = new Promise<void>((done) => {
    process.once('SIGINT', done)
    process.once('SIGTERM', done)
    onceAbandoned(done)
  })
  const running = await parts.start()
  giveBackAfterStart()
  watchFile(path, { interval: 1_000 }, () => {
    try {
      config.prices = loadAgentConfig(path).prices
      log('info', 'prices were read again')
    } catch (error) {
      log('warn', 'the configuration was changed, but is wrong; the old prices hold', {
        error: messageOf(error),
      })
    }
  })
  await asked
  unwatchFile(path)
  log('info', 'stopping; Ctrl-C again to leave at once')
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  await running.stop()
}

/** A log for people. */
export function readableLog(): Log {
  return (level, message, fields = {}) => {
    const mark =
      level === 'error' ? paint('red', '✘') : level === 'warn' ? paint('yellow', '!') : paint('dim', '·')
    const rest = Object.entries(fields)
      .map(([key, value]) => `${key}=${printable(String(value))}`)
      .join(' ')
    say(
      `${paint('dim', new Date().toISOString().slice(11, 19))} ${mark} ${printable(message)}${rest ? paint('dim', `  ${rest}`) : ''}`,
    )
  }
}
