// Runs whole apps: `npm run apps`, `npm run apps -- shop queue`, with `--docker` in containers of Docker, and
// with `--swarm` on the two machines of a Docker Swarm. They run on an embedded network of their own, or on
// the one that CLOISTER_NETWORK names. Their images are made of Debian's packages, as root on Debian.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { formatAmount } from '@cloister/core'
import { paint, Steps, say, table } from '@cloister/terminal'
import { commandLine } from './command-line.ts'
import { makeImages, prepareBuilder } from './images.ts'
import { type AppNetwork, openNetwork } from './network.ts'
import { isApp, type Result, runApp } from './run-app.ts'

const APPS = resolve(import.meta.dirname, '..')

const { values, positionals } = parseArgs({
  options: {
    docker: { type: 'boolean', default: false },
    swarm: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
const known = readdirSync(APPS).filter((name) => isApp(APPS, name))
const unknown = positionals.filter((name) => !known.includes(name))
if (unknown.length > 0) {
  say(`There is no app ${unknown.join(', ')}. There are: ${known.join(', ')}.`)
  process.exit(1)
}
if (values.docker && values.swarm) {
  say('Name one of --docker and --swarm.')
  process.exit(1)
}
const wanted = positionals.length > 0 ? positionals : known
const folder = mkdtempSync(join(tmpdir(), 'cloister-apps-'))
const steps = new Steps(false)
let network: AppNetwork | undefined
const results: Result[] = []
try {
  const began = performance.now()
  const files = wanted.map((name) => readFileSync(join(APPS, name, 'compose.yaml'), 'utf8'))
  await makeImages(files, (name) => steps.begin('image', name))
  const environment = await prepareBuilder(folder)
  steps.done()
  say(`images are made of Debian's packages after ${seconds((performance.now() - began) / 1000)}`)
  const named = process.env['CLOISTER_NETWORK']
  steps.begin('network', 'starting')
  network =
    named === undefined
      ? await openNetwork(folder, values.swarm ? 'swarm' : values.docker ? 'docker' : 'sandbox')
      : { file: named, stop: async () => {} }
  const line = commandLine({ ...environment, CLOISTER_NETWORK: network.file, NO_COLOR: '1' })
  for (const [index, name] of wanted.entries()) {
    steps.begin('app', `${name}, ${index + 1} of ${wanted.length}`)
    const result = await runApp(APPS, name, { line, network, isKept: values.keep })
    results.push(result)
    steps.done()
    say(`${name}: ${result.problem ?? result.skipped ?? 'runs'}`)
  }
} finally {
  steps.done()
  await network?.stop()
  rmSync(folder, { recursive: true, force: true })
}
sayResults()
process.exit(results.every(({ problem }) => problem === undefined) ? 0 : 1)

function sayResults(): void {
  const isSpread = results.some(({ spread }) => spread !== undefined)
  say(
    table(
      ['app', 'deployed', 'used', 'updated', 'requests', 'cost', ...(isSpread ? ['containers'] : []), ''],
      results.map(({ name, deployed, used, updated, requests, spent, spread, problem, skipped }) => [
        name,
        seconds(deployed),
        seconds(used),
        updated === undefined ? '' : seconds(updated),
        requests === undefined ? '' : `${requests.toFixed(0)}/s`,
        `${formatAmount(spent, 6)} USDC`,
        ...(isSpread ? [spread?.join(' + ') ?? ''] : []),
        problem !== undefined
          ? paint('red', problem)
          : skipped !== undefined
            ? paint('yellow', `skipped: ${skipped}`)
            : paint('green', 'runs'),
      ]),
      ['deployed', 'used', 'updated', 'requests', 'cost'],
    ),
  )
}

function seconds(value: number): string {
  return Number.isNaN(value) ? '' : `${value.toFixed(1)} s`
}
