import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseManifest, sentReference } from '@cloister/core'
import { startDocker } from '@cloister/development/engines'
import { buildImage } from '@cloister/executors'
import { readImage } from '@cloister/images'
import { leases } from '@cloister/sdk'
import { Steps, say, table } from '@cloister/terminal'
import { loadLayout, runQuietly } from './docker-image.ts'
import { raiseNetwork } from './network.ts'
import { ms, spread, times } from './numbers.ts'

const ROUNDS = 5
const MIB = 256
const NAME = 'cloister/large:1'
/** Sent in one piece of random text, which nobody has already. */
const TEXT_BYTES = (MIB * 1024 * 1024 * 3) / 4

/**
 * An image of 256 MiB that nobody has, from this machine to its first container: sent to a worker of the
 * same engine over TLS, named by digest and checked there, with a lease opened for it; next to `docker save |
 * docker load` from one engine to another, and `docker run`.
 */
export async function benchTransfer(): Promise<void> {
  if (!existsSync('/usr/sbin/dockerd') || !existsSync('/bin/busybox') || process.getuid?.() !== 0)
    return say('left out: it needs root, Docker and busybox (apt-get install docker.io busybox-static)')
  const steps = new Steps(false)
  steps.begin('docker', 'starting two engines')
  const [here, there] = [await startDocker({ hasNetwork: false }), await startDocker()]
  const found: Record<'docker' | 'sandbox' | 'peer', number[]> = { docker: [], sandbox: [], peer: [] }
  try {
    for (const on of ['docker', 'sandbox'] as const) {
      const stage = await raiseNetwork(steps, on === 'docker' ? there.socketPath : undefined)
      try {
        for (let round = 1; round <= ROUNDS; round++) {
          steps.begin(on, `${round} of ${ROUNDS}`)
          const layout = join(stage.folder, 'large')
          const digest = await buildImage({
            layout,
            name: NAME,
            programs: { '/bin/busybox': '/bin/busybox' },
            files: { '/large': randomBytes(TEXT_BYTES).toString('base64') },
            entrypoint: [],
            command: ['/bin/busybox', 'sleep', '1000'],
            env: {},
          })
          const { manifest } = parseManifest(
            `services: { large: { image: "${sentReference('large', digest)}", stop_grace_period: 100ms, storage_opt: { size: 2g } } }`,
            { file: 'compose.yaml' },
          )
          const began = performance.now()
          const { contents } = await readImage(layout, NAME)
          const deployed = await leases.deploy(stage.tenant, {
            manifest,
            contents,
            pay: 'USDC',
            deposit: () => 720_000n,
          })
          found[on].push(performance.now() - began)
          await leases.close(stage.tenant, deployed.lease)
          if (on === 'docker') found.peer.push(await saveAndLoad(here, there, layout, stage.folder))
          await rm(layout, { recursive: true, force: true })
        }
      } finally {
        await stage.end()
      }
    }
    steps.done()
    const peer = spread(found.peer)
    const row = (name: string, values: number[]) => {
      const { median, p90 } = spread(values)
      return [
        name,
        ms(median),
        ms(p90),
        `${(MIB / (median / 1000)).toFixed(0)} MiB/s`,
        times(median, peer.median),
      ]
    }
    say(
      table(
        [`an image of ${MIB} MiB`, 'median', '90%', 'rate', 'to docker save | load'],
        [
          row('sent to a worker with Docker, lease opened, runs', found.docker),
          row('sent to a worker with the sandbox, lease opened, runs', found.sandbox),
          row('docker save | docker load, docker run', found.peer),
        ],
        ['median', '90%', 'rate', 'to docker save | load'],
      ),
    )
  } finally {
    await there.stop()
    await here.stop()
  }
}

type Engine = Awaited<ReturnType<typeof startDocker>>

async function saveAndLoad(here: Engine, there: Engine, layout: string, folder: string): Promise<number> {
  const work = join(folder, 'work')
  await mkdir(work, { recursive: true })
  await loadLayout(here, layout, NAME, work)
  const [from, to] = [here, there].map(({ socketPath }) => `docker -H unix://${socketPath}`)
  const began = performance.now()
  await runQuietly('bash', [
    '-c',
    `set -o pipefail; ${from} save ${NAME} | ${to} load && ${to} run -d ${NAME}`,
  ])
  const took = performance.now() - began
  await runQuietly('bash', [
    '-c',
    `${to} rm -f $(${to} ps -aq --filter ancestor=${NAME}); ${to} rmi ${NAME}; ${from} rmi ${NAME}`,
  ])
  await rm(work, { recursive: true, force: true })
  return took
}
