import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { enrolWorker, loadAgentConfig, loadWorkerKey } from '@cloister/agent'
import { closeLease, openLease } from '@cloister/chain'
import { defaultPolicy, orderFor, parseManifest } from '@cloister/core'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import { buildWorkbench, WORKBENCH_IMAGE } from '@cloister/executors'
import { WorkerClient } from '@cloister/sdk'
import { exec } from '@cloister/sdk/node'
import type { LocalAccount } from 'viem'
import { filterTables, type Stage } from './stage.ts'

const FILE = 'compose.agent.yaml'
const ENDPOINT = 'http://127.0.0.1:17070'
const LEASE_MS = 60_000

/** A worker in a container, on the same engine that its leases run on: it attests, bids and runs one. */
export async function tryAgent(stage: Stage): Promise<void> {
  const key = await enrol(stage)
  await stage.compose(FILE, ['up', '-d', '--build'])
  await stage.healthy(FILE, 'agent')
  const left = await stage.metric(FILE, 'agent', 9403, 'cloister_agent_attestation_expiry_seconds')
  stage.say(`the agent is ready, attested for ${Math.round(left)} more seconds`)
  await tryLease(stage, key)
}

/** SIGTERM to the agent. */
export function stopAgent(stage: Stage): Promise<void> {
  return stage.stopInOrder(FILE, 'agent')
}

/** What a provider does before the agent is started. */
async function enrol({ folder, chain, environment, engine, docker }: Stage): Promise<LocalAccount> {
  const state = join(folder, 'worker')
  mkdirSync(state)
  chain.root.save(join(state, 'attestation'))
  writeFileSync(join(state, 'network.json'), JSON.stringify(chain.network))
  await buildWorkbench(join(state, 'images'))
  const config = {
    name: 'tried',
    network: 'network.json',
    folder: 'own',
    listen: { host: '127.0.0.1', port: 17_070 },
    endpoint: ENDPOINT,
    capacity: { cpus: 1, memory: '512MiB', disk: '4GiB' },
    executor: { engine: 'docker', socket: '/var/run/docker.sock' },
    evidence: { source: 'development', rootFolder: 'attestation' },
    prices: { USDC: { cpu: '0.36', memoryGiB: '0.036', diskGiB: '0' } },
    images: { layouts: ['images'] },
  }
  writeFileSync(join(state, 'provider.yaml'), JSON.stringify(config))
  const read = loadAgentConfig(join(state, 'provider.yaml'))
  const key = loadWorkerKey(read.folder)
  await enrolWorker(chain.wallet(1), key, read)
  const { DockerRootDir } = JSON.parse(await docker(['info', '-f', '{{json .}}']))
  Object.assign(environment, {
    STATE_FOLDER: state,
    // This machine has no evidence but a simulated one.
    EVIDENCE_FOLDER: join(state, 'attestation'),
    DOCKER_SOCKET: engine.socketPath,
    DOCKER_FOLDER: DockerRootDir,
  })
  return key
}

/** A tenant's lease of one container, from order to end. */
async function tryLease(stage: Stage, { address }: LocalAccount): Promise<void> {
  const { chain } = stage
  const tenant = chain.wallet(4)
  await fundDevelopmentAccount(chain.wallet(0), tenant.account.address)
  const { manifest } = parseManifest(
    `services:
  web:
    image: ${WORKBENCH_IMAGE}
    command: ["node", "-e", "setInterval(() => {}, 1000)"]
    stop_grace_period: 100ms
    volumes: ["data:/data"]
    deploy: { resources: { limits: { cpus: "0.2", memory: 64M } } }
volumes:
  data: { x-size: 16MiB }
`,
    { file: 'compose.yaml' },
  )
  const token = chain.network.tokens.find(({ symbol }) => symbol === 'USDC')?.address ?? '0x'
  const client = new WorkerClient({
    endpoint: ENDPOINT,
    worker: address,
    wallet: tenant,
    attestedKey: () => Promise.reject(new Error('Its interface is plain HTTP here.')),
    network: tenant.network,
  })
  const order = orderFor(manifest, { tenant: tenant.account.address, token, policy: defaultPolicy(true) })
  const { id } = await openLease(tenant, await client.bid(order, AbortSignal.timeout(10_000)), 10_000_000n)
  await client.putManifest(id, manifest)
  const from = Date.now()
  for (;;) {
    const { state } = await client.lease(id)
    if (state === 'running') break
    if (state === 'failed' || Date.now() > from + LEASE_MS)
      throw new Error(
        `The lease is ${state}:\n${await stage.compose(FILE, ['logs', '--tail', '40', 'agent'])}`,
      )
    await stage.pause()
  }
  if (filterTables().length === 0) throw new Error('Nothing filters what leases reach.')
  const output = new PassThrough()
  let said = ''
  output.on('data', (chunk) => (said += chunk))
  const line = 'echo kept > /data/file && cat /data/file'
  const streams = { stdin: undefined, stdout: output, stderr: output }
  const code = await exec(client, { lease: id, container: undefined, argv: ['sh', '-c', line], ...streams })
  if (code !== 0 || !said.includes('kept')) throw new Error(`The lease's container says ${code}: ${said}`)
  await closeLease(tenant, id)
  const left = ['ps', '-q', '--filter', `ancestor=${WORKBENCH_IMAGE}`]
  while ((await client.lease(id)).state !== 'closed' || (await stage.docker(left)).trim() !== '')
    await stage.pause()
  stage.say('a lease was opened, its container ran and kept a file, and it was wiped when it ended')
}
