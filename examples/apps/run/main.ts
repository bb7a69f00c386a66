// Runs whole apps on an embedded network: `npm run apps`, `npm run apps -- shop queue`, and with `--docker`
// in containers of Docker. Their images are made of Debian's packages, as root on Debian.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { formatAmount } from '@cloister/core'
import { startDocker } from '@cloister/development/engines'
import { startNetwork } from '@cloister/devnet'
import { paint, Steps, say, table } from '@cloister/terminal'
import { makeImage } from '../images/debian.ts'
import { IMAGES } from '../images/images.ts'
import { run } from '../images/programs.ts'
import { commandLine } from './command-line.ts'
import { isApp, type Result, runApp } from './run-app.ts'

const APPS = resolve(import.meta.dirname, '..')

const { values, positionals } = parseArgs({
  options: { docker: { type: 'boolean', default: false } },
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
  const environment = await prepareImages()
  say(`images are made of Debian's packages after ${seconds((performance.now() - began) / 1000)}`)
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
  const line = commandLine({
    ...environment,
    CLOISTER_NETWORK: join(folder, 'state/network.json'),
    CLOISTER_HOME: folder,
    NO_COLOR: '1',
  })
  for (const [index, name] of wanted.entries()) {
    steps.begin('app', `${name}, ${index + 1} of ${wanted.length}`)
    const result = await runApp(APPS, name, line)
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

/** Makes all images, and lets Podman build upon them. Gives the variables that say so. */
async function prepareImages(): Promise<NodeJS.ProcessEnv> {
  const folders = {
    cache: join(
      process.env['XDG_CACHE_HOME'] ?? join(process.env['HOME'] ?? '/root', '.cache'),
      'cloister-apps',
    ),
    layouts: join(APPS, '.images'),
  }
  mkdirSync(join(folders.cache, 'layers'), { recursive: true })
  for (const [name, image] of Object.entries(IMAGES)) {
    steps.begin('image', name)
    await makeImage(name, image, folders)
  }
  const settings = {
    CONTAINERS_CONF:
      '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n',
    CONTAINERS_STORAGE_CONF: `[storage]\ndriver = "vfs"\ngraphroot = "${folder}/podman"\nrunroot = "${folder}/podman-run"\n`,
  }
  const environment: NodeJS.ProcessEnv = { ...process.env, CLOISTER_BUILDER: 'podman' }
  for (const [name, text] of Object.entries(settings)) {
    writeFileSync(join(folder, name), text)
    environment[name] = join(folder, name)
  }
  // Podman takes no layout whose path could not be a name.
  const archive = join(folder, 'node.tar')
  await run('tar', ['-C', join(folders.layouts, 'node'), '-cf', archive, '.'])
  const loaded = await run('podman', ['load', '-q', '-i', archive], environment)
  const id = loaded.trim().split(' ').at(-1) ?? ''
  await run('podman', ['tag', id, 'localhost/cloister-apps/node'], environment)
  rmSync(archive)
  return environment
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
