// Runs whole apps: `npm run apps`, `npm run apps -- shop queue`, and with `--docker` in containers of Docker.
// They run on an embedded network of their own, or on the one that CLOISTER_NETWORK names. Their images are
// made of Debian's packages, as root on Debian.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { formatAmount } from '@cloister/core'
import { startDocker } from '@cloister/development/engines'
import { startNetwork } from '@cloister/devnet'
import { paint, Steps, say, table } from '@cloister/terminal'
import { commandLine } from './command-line.ts'
import { makeImages, prepareBuilder } from './images.ts'
import { isApp, type Result, runApp } from './run-app.ts'

const APPS = resolve(import.meta.dirname, '..')

const { values, positionals } = parseArgs({
  options: { docker: { type: 'boolean', default: false }, keep: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const known = readdirSync(APPS).filter((name) => isApp(APPS, name))
const unknown = positionals.filter((name) => !known.includes(name))
if (unknown.length > 0) {
  say(`There is no app ${unknown.join(', ')}. There are: ${known.join(', ')}.`)
  process.exit(1)
}
const wanted = positionals.length > 0 ? positionals : known
const folder = mkdtempSync(join(tmpdir(), 'cloister-apps-'))
const steps = new Steps(false)
const ends: (() => Promise<void>)[] = []
const results: Result[] = []
try {
  const began = performance.now()
  const files = wanted.map((name) => readFileSync(join(APPS, name, 'compose.yaml'), 'utf8'))
  await makeImages(files, (name) => steps.begin('image', name))
  const environment = await prepareBuilder(folder)
  steps.done()
  say(`images are made of Debian's packages after ${seconds((performance.now() - began) / 1000)}`)
  const networkFile = await openNetwork()
  const line = commandLine({ ...environment, CLOISTER_NETWORK: networkFile, NO_COLOR: '1' })
  for (const [index, name] of wanted.entries()) {
    steps.begin('app', `${name}, ${index + 1} of ${wanted.length}`)
    const result = await runApp(APPS, name, { line, networkFile, isKept: values.keep })
    results.push(result)
    steps.done()
    say(`${name}: ${result.problem ?? 'runs'}`)
  }
} finally {
  steps.done()
  for (const end of ends) await end()
  rmSync(folder, { recursive: true, force: true })
}
sayResults()
process.exit(results.every(({ problem }) => problem === undefined) ? 0 : 1)

/** The file of the network to run on. */
async function openNetwork(): Promise<string> {
  const named = process.env['CLOISTER_NETWORK']
  if (named !== undefined) return named
  const docker = values.docker ? await startDocker() : undefined
  if (docker) ends.unshift(() => docker.stop())
  steps.begin('network', 'starting')
  const network = await startNetwork({
    folder: join(folder, 'state'),
    fresh: false,
    freePorts: true,
    withoutKeys: true,
    ...(docker && { engine: { engine: 'docker', socket: docker.socketPath } }),
  })
  ends.unshift(() => network.stop())
  return join(folder, 'state/network.json')
}

function sayResults(): void {
  say(
    table(
      ['app', 'deployed', 'used', 'updated', 'requests', 'cost', ''],
      results.map(({ name, deployed, used, updated, requests, spent, problem }) => [
        name,
        seconds(deployed),
        seconds(used),
        updated === undefined ? '' : seconds(updated),
        requests === undefined ? '' : `${requests.toFixed(0)}/s`,
        `${formatAmount(spent, 6)} USDC`,
        problem === undefined ? paint('green', 'runs') : paint('red', problem),
      ]),
      ['deployed', 'used', 'updated', 'requests', 'cost'],
    ),
  )
}

function seconds(value: number): string {
  return Number.isNaN(value) ? '' : `${value.toFixed(1)} s`
}
