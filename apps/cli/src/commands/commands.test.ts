import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { expect, it } from 'vitest'
import { addApps } from './apps/commands.ts'
import { addGovernance } from './governance/commands.ts'
import { addDeploy, addLeaseStreams, addLeases, addManifest } from './leases/commands.ts'
import { addProvider } from './provider/commands.ts'
import { addStake } from './stake/commands.ts'
import { addVerify } from './verify/commands.ts'
import { addWallet } from './wallet/commands.ts'
import { addWitness } from './witness/commands.ts'
import { addWorkers } from './workers/commands.ts'

/** The words of each command that does something. */
function wordsOf({ commands }: Command, before = ''): string[] {
  return commands.flatMap((one) =>
    one.commands.length > 0 ? wordsOf(one, `${before}${one.name()} `) : [`${before}${one.name()}`],
  )
}

it.each([
  ['apps', [addApps]],
  ['governance', [addGovernance]],
  ['leases', [addDeploy, addLeases, addLeaseStreams, addManifest]],
  ['provider', [addProvider]],
  ['stake', [addStake]],
  ['verify', [addVerify]],
  ['wallet', [addWallet]],
  ['witness', [addWitness]],
  ['workers', [addWorkers]],
])('a test names each of %s', (folder, adds) => {
  const program = new Command()
  for (const add of adds) add(program)
  const path = join(import.meta.dirname, folder)
  const tests = readdirSync(path)
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => readFileSync(join(path, name), 'utf8'))
    .join('\n')
  const commands = wordsOf(program)
  const isNamed = (words: string) =>
    [words, words.split(' ').at(-1)].some((word) => tests.includes(`'${word}'`))
  expect(commands.length).toBeGreaterThan(0)
  expect(commands.filter((words) => !isNamed(words))).toEqual([])
})

it('each folder of commands is among them', () => {
  const folders = readdirSync(import.meta.dirname, { withFileTypes: true }).filter((one) => one.isDirectory())
  expect(folders).toHaveLength(9)
})
