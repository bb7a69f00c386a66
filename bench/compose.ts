import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { get } from 'node:http'
import { join } from 'node:path'
import { parseManifest } from '@cloister/core'
import { startDocker } from '@cloister/development/engines'
import { buildWorkbench } from '@cloister/executors'
import { type Cloister, leases } from '@cloister/sdk'
import { Steps, say, table } from '@cloister/terminal'
import { loadLayout, runQuietly } from './docker-image.ts'
import { raiseNetwork } from './network.ts'
import { ms, spread, times } from './numbers.ts'

const ROUNDS = 7
const IMAGE = 'cloister/five:1'
const SERVICES = ['one', 'two', 'three', 'four', 'five']
const SERVER = 'require("http").createServer((q,s)=>s.end("ok")).listen(+process.argv[2])'
/** Where the first service listens inside, and on the host with Docker Compose. */
const FIRST_PORT = 8101
const FIRST_OUTSIDE = 28_101

/**
 * An app of five services of one image, from the command to the answer of every one of them: our `deploy`,
 * chain and gateway with it, next to `docker-compose up` of the same file on the same engine.
 */
export async function benchCompose(): Promise<void> {
  if (!existsSync('/usr/sbin/dockerd') || process.getuid?.() !== 0 || !composer())
    return say(
      'left out: it needs root, Docker and docker-compose (apt-get install docker.io docker-compose)',
    )
  const steps = new Steps(false)
  steps.begin('docker', 'starting')
  const engine = await startDocker()
  try {
    const rows: { name: string; values: number[] }[] = []
    for (const on of ['docker', 'sandbox'] as const) {
      const stage = await raiseNetwork(steps, on === 'docker' ? engine.socketPath : undefined)
      try {
        await buildWorkbench(join(stage.folder, 'state/images'), IMAGE, { '/app.js': SERVER })
        const values = await ours(stage.tenant, (round) => steps.begin(on, `${round} of ${ROUNDS}`))
        rows.push({ name: `deploy, on ${on === 'docker' ? 'Docker' : 'the sandbox'}`, values })
        if (on === 'docker') {
          const folder = join(stage.folder, 'compose')
          await mkdir(folder)
          await loadLayout(engine, join(stage.folder, 'state/images'), IMAGE, folder)
          writeFileSync(
            join(folder, 'compose.yaml'),
            fileOf((port) => `${FIRST_OUTSIDE + port - FIRST_PORT}:${port}`),
          )
          const peer = await theirs(engine.socketPath, folder, (round) =>
            steps.begin('docker-compose', `${round} of ${ROUNDS}`),
          )
          rows.push({ name: 'docker-compose up', values: peer })
        }
      } finally {
        await stage.end()
      }
    }
    steps.done()
    const peer = spread(rows.find(({ name }) => name === 'docker-compose up')?.values ?? [])
    say(
      table(
        ['five services', 'median', '90%', 'to docker-compose up', ''],
        rows.map(({ name, values }) => {
          const { median, p90 } = spread(values)
          const isOurs = name.startsWith('deploy')
          const verdict = isOurs ? `aim: 2 ×${median <= 2 * peer.median ? ', met' : ', MISSED'}` : ''
          return [name, ms(median), ms(p90), times(median, peer.median), verdict]
        }),
        ['median', '90%', 'to docker-compose up'],
      ),
    )
  } finally {
    await engine.stop()
  }
}

function composer(): string[] | undefined {
  const candidates = [['docker', 'compose'], ['docker-compose']]
  return candidates.find(([program = '', ...words]) => spawnSync(program, [...words, 'version']).status === 0)
}

function fileOf(portOf: (port: number) => string): string {
  const lines = SERVICES.map((name, index) => {
    const port = FIRST_PORT + index
    return `  ${name}: { image: "${IMAGE}", command: [node, /app.js, "${port}"], ports: ["${portOf(port)}"], stop_grace_period: 1s, deploy: { resources: { limits: { cpus: "0.3", memory: 96M } } } }\n`
  })
  return `version: "3.8"\nservices:\n${lines.join('')}`
}

async function ours(cloister: Cloister, onRound: (round: number) => void): Promise<number[]> {
  const { manifest } = parseManifest(fileOf(String), { file: 'compose.yaml' })
  const found: number[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    onRound(round)
    // Not in step with the blocks.
    await new Promise((done) => setTimeout(done, 1_000 + Math.random() * 1_000))
    const began = performance.now()
    const deployed = await leases.deploy(cloister, { manifest, pay: 'USDC', deposit: () => 720_000n })
    await Promise.all(SERVICES.map((name) => untilAnswered(deployed.url[name] ?? '')))
    found.push(performance.now() - began)
    await leases.close(cloister, deployed.lease)
  }
  return found.slice(1)
}

async function theirs(
  socketPath: string,
  folder: string,
  onRound: (round: number) => void,
): Promise<number[]> {
  const [program = '', ...words] = composer() ?? []
  const compose = (...more: string[]) =>
    runQuietly(
      program,
      [...words, '--compatibility', '-p', 'bench', '-f', join(folder, 'compose.yaml'), ...more],
      {
        DOCKER_HOST: `unix://${socketPath}`,
      },
    )
  const found: number[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    onRound(round)
    const began = performance.now()
    await compose('up', '-d')
    await Promise.all(SERVICES.map((_, index) => untilAnswered(`http://127.0.0.1:${FIRST_OUTSIDE + index}/`)))
    found.push(performance.now() - began)
    await compose('down', '-t', '0')
  }
  return found.slice(1)
}

/** Waits for a good answer, for a minute. */
async function untilAnswered(url: string): Promise<void> {
  const end = Date.now() + 60_000
  while (!(await answers(url))) {
    if (Date.now() > end) throw new Error(`${url} does not answer`)
    await new Promise((done) => setTimeout(done, 5))
  }
}

function answers(url: string): Promise<boolean> {
  return new Promise((done) => {
    const asking = get(url, { agent: false }, (answer) => done(answer.resume().statusCode === 200))
    asking.on('error', () => done(false))
  })
}
