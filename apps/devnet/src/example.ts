import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Network } from '@cloister/chain'
import type { GatewayRoute } from '@cloister/core'
import { canonicalHash, parseManifest } from '@cloister/core'
import { DEVELOPMENT_ROLES, developmentAccount } from '@cloister/development/accounts'
import { buildWorkbench } from '@cloister/executors'
import { type Cloister, createCloister, type LeaseStatus, leases } from '@cloister/sdk'

const EXAMPLE = resolve(import.meta.dirname, '../../../examples/hello')
const IMAGE = 'cloister/hello:1'
const NAME = 'hello'
const SECONDS = 7n * 24n * 3600n

/** The example as it runs. */
export interface Example {
  status: LeaseStatus
  routes: GatewayRoute[]
}

/** Packs the example's image out of files at hand, unless it is there as it should be. */
export async function buildExampleImage(folder: string): Promise<void> {
  const server = readFileSync(join(EXAMPLE, 'server.js'), 'utf8')
  const mark = join(folder, 'images', 'hello.built')
  const state = canonicalHash({ server, node: process.version })
  if (existsSync(mark) && readFileSync(mark, 'utf8') === state) return
  await buildWorkbench(join(folder, 'images'), IMAGE, { '/app/server.js': server }, [
    'node',
    '/app/server.js',
  ])
  writeFileSync(mark, state)
}

/** Deploys the example, unless it runs already. */
export async function ensureExample(network: Network): Promise<Example> {
  const cloister = createCloister({
    network,
    account: developmentAccount(network, DEVELOPMENT_ROLES.example),
  })
  const { manifest } = parseManifest(readFileSync(join(EXAMPLE, 'compose.yaml'), 'utf8'), {
    file: 'compose.yaml',
    env: {},
  })
  const [known] = (
    await cloister.index.leases({
      tenant: developmentAccount(network, DEVELOPMENT_ROLES.example).address,
      open: true,
    })
  ).items
  if (known) {
    await untilRunning(cloister, known.lease)
    await leases.update(cloister, known.lease, manifest)
  } else
    await leases.deploy(cloister, {
      manifest,
      pay: 'USDC',
      deposit: (chosen) => chosen.bid.ratePerSecond * SECONDS,
      name: NAME,
    })
  const [lease] = (
    await cloister.index.leases({
      tenant: developmentAccount(network, DEVELOPMENT_ROLES.example).address,
      open: true,
    })
  ).items
  const id = lease?.lease ?? ''
  return {
    status: await leases.status(cloister, id),
    routes: await leases.routesOf(cloister, id as `0x${string}`),
  }
}

async function untilRunning(cloister: Cloister, lease: string): Promise<void> {
  for (let i = 0; i < 200; i++) {
    const { state } = await leases.status(cloister, lease)
    if (state === 'running' || state === 'failed' || state === 'closed') return
    await new Promise((done) => setTimeout(done, 100))
  }
}
