import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { canRun, startDocker, type TestEngine } from '@cloister/development/engines'
import { packedFolder } from '@cloister/packed'
import { Steps, say, table } from '@cloister/terminal'
import { raiseNetwork } from './network.ts'
import { ms, spread, times } from './numbers.ts'

const COMMAND = resolve(import.meta.dirname, '../apps/cli/src/main.mjs')
const ROUNDS = 12
/** From npm, in a folder of their own: what people start as often. */
const PEERS = { wrangler: '4.164.0', vercel: '64.0.2' }
const INSTALL_MS = 180_000

interface Candidate {
  name: string
  program: string
  words: string[]
  env?: NodeJS.ProcessEnv
  aim?: number
}

/** What starting the command costs, before and with a question to the network, beside what others take. */
export async function benchCli(): Promise<void> {
  const steps = new Steps(false)
  const leftOut: string[] = []
  const { folder, end } = await raiseNetwork(steps)
  let engine: TestEngine | undefined
  try {
    const env = { CLOISTER_NETWORK: join(folder, 'state/network.json'), CLOISTER_ACCOUNT: 'dev8' }
    const node = process.execPath
    const docker: Candidate[] = []
    if (canRun('dockerd')) {
      steps.begin('docker', 'starting')
      engine = await startDocker()
      const host = { DOCKER_HOST: `unix://${engine.socketPath}` }
      docker.push(
        { name: 'docker --version', program: 'docker', words: ['--version'], env: host },
        { name: 'docker ps', program: 'docker', words: ['ps'], env: host },
      )
    } else leftOut.push('docker, whose daemon does not run here')
    steps.begin('peers', 'installing')
    const peers = Object.entries(PEERS).flatMap(([name, version]): Candidate[] => {
      const program = installed(name, version)
      if (program === undefined) leftOut.push(`${name}, which npm does not get`)
      return program === undefined
        ? []
        : [{ name: `${name} --version`, program: node, words: [program, '--version'] }]
    })
    const candidates: Candidate[] = [
      { name: 'node, an empty program', program: node, words: ['-e', '0'] },
      { name: 'cloister --version', program: node, words: [COMMAND, '--version'], env, aim: 120 },
      { name: 'cloister ps, one lease', program: node, words: [COMMAND, 'ps'], env, aim: 400 },
      ...docker,
      ...peers,
    ]
    const found = await inTurn(candidates, (round) => steps.begin('starts', `${round} of ${ROUNDS}`))
    steps.done()
    const floor = spread(found[0] ?? []).median
    say(
      table(
        ['command', 'fastest', 'median', '90%', 'to Node alone', ''],
        candidates.map(({ name, aim }, index) => {
          const all = found[index] ?? []
          const { median, p90 } = spread(all)
          const met = aim === undefined ? '' : `aim: ${aim} ms${median <= aim ? ', met' : ', MISSED'}`
          return [name, ms(Math.min(...all)), ms(median), ms(p90), times(median, floor), met]
        }),
        ['fastest', 'median', '90%', 'to Node alone'],
      ),
    )
    say(`The machine's load at the end: ${loadavg()[0]?.toFixed(1)}.`)
    for (const what of leftOut) say(`Left out: ${what}.`)
  } finally {
    await engine?.stop()
    await end()
  }
}

/** Starts each in turn, round after round, so that what else the machine does falls on all of them. */
async function inTurn(candidates: Candidate[], onRound: (round: number) => void): Promise<number[][]> {
  const found = candidates.map((): number[] => [])
  // Once before, for whatever keeps compiled code.
  for (let round = 0; round <= ROUNDS; round++) {
    onRound(round)
    for (const [index, candidate] of candidates.entries()) {
      const took = await start(candidate)
      if (round > 0) found[index]?.push(took)
    }
  }
  return found
}

/** One start to its end, in milliseconds. This process goes on meanwhile: it serves endorsements. */
async function start({ name, program, words, env }: Candidate): Promise<number> {
  const begun = performance.now()
  const child = spawn(program, words, {
    env: { ...process.env, ...env, NO_COLOR: '1' },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${name} ends with ${code}`)
  return performance.now() - begun
}

/** The program of a package, from a folder of its own; undefined where it can't be had. */
function installed(name: string, version: string): string | undefined {
  const folder = join(packedFolder(), 'peers', `${name}-${version}`)
  const program = join(folder, 'node_modules/.bin', name)
  if (existsSync(program)) return program
  const options = ['--no-save', '--no-audit', '--no-fund', '--loglevel=error', '--prefix', folder]
  spawnSync('npm', ['install', ...options, `${name}@${version}`], { stdio: 'ignore', timeout: INSTALL_MS })
  return existsSync(program) ? program : undefined
}
