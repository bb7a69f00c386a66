import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { CloisterError } from '@cloister/core'
import { note, paint, say, sayJson } from '@cloister/terminal'
import type { Command } from 'commander'
import { parseDocument } from 'yaml'
import type { AkashProvider, Fate } from './akash/line.ts'
import { type HourlyPrices, hourlyPrices } from './akash/prices.ts'
import { readProviderFile } from './akash/provider-file.ts'
import { readPriceScript } from './akash/script.ts'
import { writeConfig } from './config.ts'
import type { ConfigOptions } from './options.ts'

const MAX_BYTES = 1024 * 1024

/**
 * Writes a configuration from an Akash provider's file and price script, and says of each line what became of
 * it. Neither is run, and no key or secret in them is read into anything or shown.
 */
export async function importProvider(
  file: string,
  options: ConfigOptions & { script?: string },
  self: Command,
): Promise<void> {
  const path = resolve(options.config)
  if (path === resolve(file))
    throw new CloisterError(
      'bad-option',
      `${options.config} is the file to read, and would be overwritten.`,
      {
        hint: 'Name another to write: cloister provider import provider.yaml -c cloister.yaml',
      },
    )
  const provider = readProviderFile(readBounded(file))
  const script = options.script === undefined ? provider.script : readBounded(options.script)
  const { targets, fates } =
    script === undefined ? { targets: { gpu: {} }, fates: [] } : readPriceScript(script)
  // What the file says is put into the script's environment, where it goes before the script's own.
  const gpu = { ...targets.gpu, ...provider.targets.gpu }
  const all = { ...targets, ...provider.targets, gpu }
  const prices = hourlyPrices(all, provider.attributes, provider.gpuClasses)
  const [gpuClass] = self.getOptionValueSource('gpuClass') === 'cli' ? [] : provider.gpuClasses
  const endpoint = options.endpoint ?? provider.endpoint
  writeConfig(path, {
    ...options,
    ...(endpoint !== undefined && { endpoint }),
    ...(gpuClass !== undefined && { gpuClass }),
  })
  fill(path, provider, prices)
  const { loadAgentConfig } = await import('@cloister/agent')
  loadAgentConfig(path)
  report(options, path, [...provider.fates, ...fates], notes(provider, options, script !== undefined))
}

function readBounded(file: string): string {
  try {
    if (statSync(file).size > MAX_BYTES)
      throw new CloisterError('bad-config', `${file} is larger than 1 MiB.`)
    return readFileSync(file, 'utf8')
  } catch (cause) {
    if (cause instanceof CloisterError) throw cause
    throw new CloisterError('bad-config', `${file} can not be read.`, { cause })
  }
}

/** Puts what was read into the configuration that was just written. */
function fill(path: string, provider: AkashProvider, prices: HourlyPrices): void {
  const document = parseDocument(readFileSync(path, 'utf8'))
  const { gpu, ...rest } = prices
  const entry = { ...rest, minimumDeposit: '0.01', ...(Object.keys(gpu).length > 0 && { gpu }) }
  document.setIn(['prices'], document.createNode({ USDC: entry }))
  document.setIn(['attributes'], document.createNode(provider.attributes))
  if (provider.settleEverySeconds !== undefined)
    document.setIn(['settleEverySeconds'], provider.settleEverySeconds)
  writeFileSync(path, document.toString())
}

/** What no line of the files says. */
function notes(provider: AkashProvider, { gpus }: ConfigOptions, hasScript: boolean): string[] {
  const [first, ...others] = provider.gpuClasses
  return [
    'capacity is of this machine: a cluster lends its machines one by one, or as a Swarm, each with a configuration of its own',
    'prices in CLOI are not set: nothing in the files says what one is worth',
    ...(hasScript || Object.keys(provider.targets).length > 1
      ? []
      : ["no prices were found: these are the defaults of Akash's script"]),
    ...(first !== undefined && gpus === '0'
      ? [`how many GPUs there are is in neither file: set capacity.gpus, and gpuClass: ${first}`]
      : []),
    ...(others.length > 0
      ? [`a worker has GPUs of one class: ${others.join(', ')} need configurations of their own`]
      : []),
  ]
}

function report(options: ConfigOptions, path: string, fates: readonly Fate[], said: readonly string[]): void {
  if (options.json) return sayJson({ config: path, lines: fates, notes: said })
  for (const { file, line, what, became, why } of fates) {
    const where = line === 0 ? file : `${file}:${line}`
    const fate = became === undefined ? `not carried over: ${why}` : `→ ${became}${why ? ` (${why})` : ''}`
    if (became === undefined) note(`! ${where} ${what}: ${fate}`)
    else say(paint('dim', `  ${where} ${what} ${fate}`))
  }
  for (const text of said) note(`! ${text}.`)
  say(`Look at ${options.config}, then: cloister provider init -c ${options.config}`)
}
