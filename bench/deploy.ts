import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { get } from 'node:http'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { parseManifest } from '@cloister/core'
import { startDocker } from '@cloister/development/engines'
import { DockerExecutor, type Executor, SandboxExecutor } from '@cloister/executors'
import { DEPLOY_STEPS, leases } from '@cloister/sdk'
import { Steps, say, table } from '@cloister/terminal'
import { raiseNetwork } from './network.ts'
import { ms, spread, times } from './numbers.ts'

const HELLO = resolve(import.meta.dirname, '../examples/hello/compose.yaml')
const COMMAND = resolve(import.meta.dirname, '../apps/cli/src/main.mjs')
const IMAGE = 'cloister/hello:1'
const ROUNDS = 15
const COMMAND_ROUNDS = 15

/**
 * From `deploy` to the first HTTP 200 through the gateway, next to what the bare engine takes to the first
 * answer.
 */
export async function benchDeploy(): Promise<void> {
  const steps = new Steps(false)
  const { folder, tenant: cloister, end } = await raiseNetwork(steps)
  try {
    const { manifest } = parseManifest(readFileSync(HELLO, 'utf8'), { file: 'compose.yaml' })
    const totals: number[] = []
    const parts = new Map<string, number[]>(DEPLOY_STEPS.map((step) => [step, []]))
    for (let round = 1; round <= ROUNDS; round++) {
      steps.begin('deploy', `${round} of ${ROUNDS}`)
      // Not in step with the blocks.
      await new Promise((done) => setTimeout(done, Math.random() * 1_000))
      const begun = performance.now()
      const deployed = await leases.deploy(cloister, { manifest, pay: 'USDC', deposit: () => 7_200n })
      const answer = await fetch(deployed.url['web'] ?? '')
      if (!answer.ok) throw new Error(`the address answers ${answer.status}`)
      totals.push(performance.now() - begun)
      for (const step of DEPLOY_STEPS) parts.get(step)?.push(deployed.timings[step])
      await leases.close(cloister, deployed.lease)
    }
    const command: number[] = []
    for (let round = 1; round <= COMMAND_ROUNDS; round++) {
      steps.begin('command', `${round} of ${COMMAND_ROUNDS}`)
      const begun = performance.now()
      // This process serves endorsements meanwhile.
      const { stdout: printed } = await promisify(execFile)(
        process.execPath,
        [COMMAND, 'deploy', HELLO, '--for', '1h', '--yes', '--json'],
        {
          env: { ...process.env, CLOISTER_NETWORK: join(folder, 'state/network.json') },
        },
      )
      command.push(performance.now() - begun)
      await leases.close(cloister, (JSON.parse(printed) as { lease: string }).lease)
      // After the second in which closing it made a block: the next transaction would wait for another.
      await new Promise((done) => setTimeout(done, 1_000 + Math.random() * 1_000))
    }
    const images = { layouts: [join(folder, 'state/images')], trustedRegistries: [] }
    steps.begin('sandbox', 'bare')
    const sandbox = await bare(
      await SandboxExecutor.open({
        folder: join(folder, 'bare'),
        imageFolder: join(folder, 'state/unpacked'),
        images,
      }),
    )
    let docker: number[] = []
    if (existsSync('/usr/sbin/dockerd') && process.getuid?.() === 0) {
      steps.begin('docker', 'bare')
      const engine = await startDocker()
      docker = await bare(
        await DockerExecutor.connect({
          socketPath: engine.socketPath,
          scope: 'bench',
          folder: join(folder, 'docker'),
          images,
        }),
      )
      await engine.stop()
    }
    steps.done()
    const ours = spread(totals)
    const engine = spread(sandbox)
    const row = (name: string, values: number[], note = '') => {
      const { median, p90 } = spread(values)
      return [name, ms(median), ms(p90), times(median, engine.median), note]
    }
    say(
      table(
        ['step', 'median', '90%', 'to bare sandbox', ''],
        [
          ...DEPLOY_STEPS.map((step) =>
            row(
              `  ${step}`,
              parts.get(step) ?? [],
              step === 'transaction' ? 'waits for a block; one a second' : '',
            ),
          ),
          row(
            'deploy to first 200',
            totals,
            `aim: under 2500 ms${ours.median < 2500 ? ', met' : ', MISSED'}`,
          ),
          row(
            'cloister deploy, whole command',
            command,
            `with its own start; aim: 1500 ms${spread(command).median <= 1500 ? ', met' : ', MISSED'}`,
          ),
          row('bare sandbox to first answer', sandbox),
          ...(docker.length > 0 ? [row('bare Docker to first answer', docker)] : []),
        ],
        ['median', '90%', 'to bare sandbox'],
      ),
    )
  } finally {
    await end()
  }
}

/** Start to first HTTP answer, engine only: no chain, no gateway, no lease. */
async function bare(executor: Executor): Promise<number[]> {
  const image = await executor.pull(IMAGE)
  const found: number[] = []
  for (let round = 0; round < 8; round++) {
    const lease = `0x${String(round).padStart(64, '0')}`
    const begun = performance.now()
    await executor.start({
      lease,
      name: 'web-0',
      service: 'web',
      peers: ['web'],
      image,
      revision: '1',
      argv: image.command,
      env: { ...image.env },
      workingDir: '/',
      user: '',
      hostname: 'web',
      mounts: [{ volume: 'visits', path: '/data', readOnly: false }],
      tmpfs: [],
      files: [],
      cpuMilli: 250,
      memoryMiB: 128,
      maxProcesses: 512,
      gpus: 0,
      ulimits: {},
      readOnlyRoot: false,
      stopSignal: 'SIGTERM',
    })
    while (!(await answers(executor, lease))) await new Promise((done) => setTimeout(done, 5))
    found.push(performance.now() - begun)
    await executor.destroy(lease)
  }
  await executor.close()
  return found.slice(1)
}

function answers(executor: Executor, lease: string): Promise<boolean> {
  return new Promise((done) => {
    executor.connect(lease, 'web-0', 8080).then(
      (stream) => {
        stream.on('error', () => done(false))
        const asking = get({ path: '/', createConnection: () => stream }, (response) =>
          done(response.resume().statusCode === 200),
        )
        asking.on('error', () => done(false))
      },
      () => done(false),
    )
  })
}
