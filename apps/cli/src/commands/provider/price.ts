import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { CloisterError } from '@cloister/core'
import { note, say, sayJson, table } from '@cloister/terminal'
import { parseDocument } from 'yaml'
import type { ProviderOptions } from './options.ts'

export async function price(
  token: string | undefined,
  options: ProviderOptions & {
    cpu?: string
    memory?: string
    disk?: string
    minimumDeposit?: string
    gpu?: string[]
  },
): Promise<void> {
  const { config, cpu, memory, disk, minimumDeposit, gpu } = options
  if (token === undefined && [cpu, memory, disk, minimumDeposit, gpu].some((said) => said !== undefined))
    throw new CloisterError('bad-option', 'Say in which token the prices are.', {
      hint: 'As in: cloister provider price USDC --cpu 0.02',
    })
  const { loadAgentConfig } = await import('@cloister/agent')
  const path = resolve(config)
  const before = loadAgentConfig(path)
  const changes: [string[], string][] = []
  if (token !== undefined) {
    for (const [option, field] of [
      ['cpu', 'cpu'],
      ['memory', 'memoryGiB'],
      ['disk', 'diskGiB'],
      ['minimumDeposit', 'minimumDeposit'],
    ] as const)
      if (options[option] !== undefined) changes.push([[field], options[option]])
    for (const entry of options.gpu ?? []) {
      const [gpuClass, amount] = entry.split('=')
      if (!gpuClass || !amount)
        throw new CloisterError('bad-option', `--gpu takes class=amount, not ${entry.slice(0, 60)}.`)
      changes.push([['gpu', gpuClass], amount])
    }
  }
  if (changes.length > 0) {
    const original = readFileSync(path, 'utf8')
    const document = parseDocument(original)
    for (const [field, amount] of changes)
      document.setIn(['prices', token?.toUpperCase() ?? '', ...field], amount)
    // Written first, checked as it will be read, and put back if it is wrong.
    writeFileSync(path, document.toString())
    try {
      loadAgentConfig(path)
    } catch (error) {
      writeFileSync(path, original)
      throw error
    }
  }
  const { prices } = changes.length > 0 ? loadAgentConfig(path) : before
  if (options.json) return sayJson(prices)
  if (before.bidScript !== undefined)
    note(`Orders are priced by ${before.bidScript}; the list below is not used.`)
  say(
    table(
      ['token', 'CPU/hour', 'GiB memory/hour', 'GiB disk/hour', 'least deposit', 'GPU/hour'],
      Object.entries(prices).map(([symbol, list]) => [
        symbol,
        list.cpu,
        list.memoryGiB,
        list.diskGiB,
        list.minimumDeposit,
        Object.entries(list.gpu)
          .map(([gpuClass, amount]) => `${gpuClass} ${amount}`)
          .join(', '),
      ]),
    ),
  )
}
