import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseManifest, ROUTE_HEADER } from '@cloister/core'
import { DEVELOPMENT_ROLES, developmentAccount } from '@cloister/development/accounts'
import { startNetwork } from '@cloister/devnet'
import { createCloister, leases } from '@cloister/sdk'
import { Steps, say, table } from '@cloister/terminal'
import autocannon from 'autocannon'
import { times } from './numbers.ts'

const SERVER = (port: number) =>
  `require("http").createServer((q, s) => s.end("hello world")).listen(${port})`
const SECONDS = 8
const CONNECTIONS = 32

/**
 * Requests per second and the 99th percentile: through the gateway, at the worker, and at the same server
 * without any of us.
 */
export async function benchGateway(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-bench-'))
  const steps = new Steps(false)
  steps.begin('network', 'starting')
  const embedded = await startNetwork({
    folder: join(folder, 'state'),
    fresh: false,
    freePorts: true,
    withoutKeys: true,
  })
  const port = await freePort()
  await writeFile(join(folder, 'server.cjs'), SERVER(port))
  const host = spawn(process.execPath, [join(folder, 'server.cjs')], { stdio: 'ignore' })
  try {
    const cloister = createCloister({
      network: embedded.network,
      account: developmentAccount(embedded.network, DEVELOPMENT_ROLES.tenants[0]),
    })
    const compose = (expose: string) =>
      `services:\n  web:\n    image: cloister/hello:1\n    command: ["node", "-e", '${SERVER(8080)}']\n    ports: [${expose}]\n    deploy: { resources: { limits: { cpus: "2", memory: 256M } } }\n`
    const deployed = await leases.deploy(cloister, {
      manifest: parseManifest(compose('"8080"'), { file: 'compose.yaml' }).manifest,
      pay: 'USDC',
      deposit: 1_000_000n,
      provider: (await cloister.index.workers()).find((worker) => worker.cpuMilli === 8000)?.worker,
    })
    const tcp = await leases.deploy(cloister, {
      manifest: parseManifest(compose('{ target: 8080, app_protocol: tcp }'), { file: 'compose.yaml' })
        .manifest,
      pay: 'USDC',
      deposit: 1_000_000n,
      provider: deployed.worker,
    })
    const worker = await cloister.index.worker(deployed.worker)
    const ways = [
      { name: 'the same server on the host', url: `http://127.0.0.1:${port}`, headers: {} },
      {
        name: 'the container, through its forwarded TCP port',
        url: tcp.routes[0]?.url.replace('tcp:', 'http:') ?? '',
        headers: {},
      },
      {
        name: 'the worker, as a gateway asks it',
        url: worker.endpoint,
        headers: { [ROUTE_HEADER]: `${deployed.lease}/web` },
      },
      { name: 'the gateway', url: deployed.url['web'] ?? '', headers: {} },
    ]
    // The worker's certificate is its own; what is measured here is speed.
    const tlsOptions = { rejectUnauthorized: false }
    const results: { name: string; rate: number; p50: number; p99: number; errors: number }[] = []
    for (const { name, url, headers } of ways) {
      steps.begin('load', name)
      await autocannon({ url, headers, tlsOptions, connections: CONNECTIONS, duration: 2 })
      await delay(500)
      const result = await autocannon({
        url,
        headers,
        tlsOptions,
        connections: CONNECTIONS,
        duration: SECONDS,
      })
      results.push({
        name,
        rate: result.requests.average,
        p50: result.latency.p50,
        p99: result.latency.p99,
        errors: result.errors + result.non2xx,
      })
    }
    steps.done()
    const direct = results[1]
    say(
      table(
        ['way', 'requests/s', 'to the container', 'median', '99%', 'errors'],
        results.map(({ name, rate, p50, p99, errors }) => [
          name,
          rate.toFixed(0),
          times(rate, direct?.rate ?? 1),
          `${p50} ms`,
          `${p99} ms`,
          String(errors),
        ]),
        ['requests/s', 'to the container', 'median', '99%', 'errors'],
      ),
    )
    say(
      `${CONNECTIONS} connections for ${SECONDS} s each; client, gateway, worker and container share this machine's cores`,
    )
  } finally {
    host.kill()
    await embedded.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
