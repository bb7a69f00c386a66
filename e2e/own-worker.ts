import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { enrolWorker, loadAgentConfig, loadWorkerKey, type RunningWorker, startWorker } from '@cloister/agent'
import { closeLease, openLease, type Wallet } from '@cloister/chain'
import {
  defaultPolicy,
  type LeaseReport,
  type Manifest,
  type Order,
  orderFor,
  parseManifest,
  type SignedBid,
} from '@cloister/core'
import { type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { openDevelopmentSource } from '@cloister/development/evidence'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import { buildWorkbench, WORKBENCH_IMAGE } from '@cloister/executors'
import { WorkerClient } from '@cloister/sdk'
import { exec } from '@cloister/sdk/node'
import type { Hex } from 'viem'
import { afterAll, beforeAll, expect } from 'vitest'
import { stringify } from 'yaml'
import { processesOf, until, untilGone } from './embedded.ts'

const SERVER = 'require("http").createServer((q,s)=>s.end("hello")).listen(8080)'

/** How the worker is set up. */
const configuration = {
  name: 'test',
  network: 'network.json',
  folder: 'own',
  listen: { host: '127.0.0.1', port: 0 },
  endpoint: 'http://127.0.0.1:1',
  capacity: { cpus: 4, memory: '1GiB', disk: '8GiB', gpus: 1, gpuClass: 'h100' },
  executor: { engine: 'sandbox' },
  evidence: { source: 'development', rootFolder: 'attestation' },
  prices: { USDC: { cpu: '0.36', memoryGiB: '0.036', diskGiB: '0', gpu: { h100: '3.6' } } },
  attributes: { region: 'test' },
  images: { layouts: ['images'] },
  // Below the ports that the system gives to whoever asks for any.
  tcpPorts: { first: 31_300 + (process.pid % 140) * 10, last: 31_309 + (process.pid % 140) * 10 },
}

export const manifestOf = (services: string, more = '') =>
  parseManifest(`services:\n${services}${more}`, { file: 'compose.yaml' }).manifest
/** Programs that are process 1 do nothing about being asked to end, and nothing here is lost with them. */
export const BRIEF = '    stop_grace_period: 100ms\n'
export const web = (name = 'web', lines = '') =>
  `  ${name}:\n    image: ${WORKBENCH_IMAGE}\n    command: ["node", "-e", '${SERVER}']\n    ports: ["8080"]\n${BRIEF}    deploy: { resources: { limits: { cpus: "0.2", memory: 64M } } }\n${lines}`
export const task = (name: string, script: string, lines = '') =>
  `  ${name}:\n    image: ${WORKBENCH_IMAGE}\n    command: ["node", "-e", '${script}']\n${BRIEF}    deploy: { resources: { limits: { cpus: "0.2", memory: 64M } } }\n${lines}`

/**
 * A chain, a worker on it in this process, and a tenant; raised before a file's tests and ended after them.
 */
export interface OwnWorker {
  folder: string
  chain: DevelopmentChain
  running: RunningWorker
  tenant: Wallet
  client: WorkerClient
  usdc: Hex
  order(manifest: Manifest, changes?: Partial<Order>): Order
  bid(asked: Order): Promise<SignedBid>
  open(manifest: Manifest, deposit?: bigint): Promise<Hex>
  deploy(manifest: Manifest, deposit?: bigint): Promise<Hex>
  untilState(id: Hex, ...states: string[]): Promise<LeaseReport>
  close(id: Hex): Promise<void>
  /** Kinds of the events of a lease, oldest first. */
  kinds(id: Hex): string[]
  sh(id: Hex, line: string, container?: string): Promise<{ code: number; text: string }>
}

/** Its interface is plain HTTP here. */
export const attestedKey = () => Promise.reject(new Error('not needed'))

/**
 * Raises a worker of the file’s own before its tests, and ends it after them. What it returns is filled in
 * by then. `registries` are those it trusts, asked for when it is raised.
 */
export function useWorker(registries: () => string[] = () => []): OwnWorker {
  const order = (manifest: Manifest, changes: Partial<Order> = {}): Order => ({
    ...orderFor(manifest, {
      tenant: own.tenant.account.address,
      token: own.usdc,
      policy: defaultPolicy(true),
    }),
    ...changes,
  })
  const bid = (asked: Order) => own.client.bid(asked, AbortSignal.timeout(5_000))
  const open = async (manifest: Manifest, deposit = 10_000_000n) =>
    (await openLease(own.tenant, await bid(order(manifest)), deposit)).id
  const deploy = async (manifest: Manifest, deposit?: bigint) => {
    const id = await open(manifest, deposit)
    await own.client.putManifest(id, manifest)
    return id
  }
  const untilState = (id: Hex, ...states: string[]) =>
    until(`the lease is ${states}`, async () =>
      states.includes((await own.client.lease(id)).state) ? own.client.lease(id) : undefined,
    )
  const close = async (id: Hex) => {
    await closeLease(own.tenant, id)
    await until(
      'it is wiped',
      async () =>
        own.running.worker.store.lease(id)?.state === 'closed' && processesOf(own.folder, id).length === 0,
    )
  }
  const kinds = (id: Hex) => own.running.worker.store.events(id, 0).map(({ kind }) => kind)
  const sh = async (id: Hex, line: string, container?: string) => {
    const out = new PassThrough()
    let text = ''
    out.on('data', (chunk) => (text += chunk))
    const code = await exec(own.client, {
      lease: id,
      container,
      argv: ['sh', '-c', line],
      stdin: undefined,
      stdout: out,
      stderr: out,
    })
    return { code, text }
  }

  const own = { order, bid, open, deploy, untilState, close, kinds, sh } as OwnWorker

  beforeAll(async () => {
    own.folder = await mkdtemp(join(tmpdir(), 'cloister-worker-'))
    own.chain = await startDevelopmentChain()
    own.chain.root.save(join(own.folder, 'attestation'))
    own.tenant = own.chain.wallet(4)
    own.usdc = own.chain.network.tokens.find(({ symbol }) => symbol === 'USDC')?.address ?? '0x'
    await fundDevelopmentAccount(own.chain.wallet(0), own.tenant.account.address)
    writeFileSync(join(own.folder, 'network.json'), JSON.stringify(own.chain.network))
    writeFileSync(
      join(own.folder, 'provider.yaml'),
      stringify({ ...configuration, images: { ...configuration.images, trustedRegistries: registries() } }),
    )
    await buildWorkbench(join(own.folder, 'images'))
    const config = loadAgentConfig(join(own.folder, 'provider.yaml'))
    const key = loadWorkerKey(config.folder)
    expect(await enrolWorker(own.chain.wallet(1), key, config)).toBe('registered')
    expect(await enrolWorker(own.chain.wallet(1), key, config)).toBe('unchanged')
    await expect(enrolWorker(own.chain.wallet(2), key, config)).rejects.toMatchObject({ code: 'not-yours' })
    own.running = await startWorker(config, () => {}, openDevelopmentSource)
    own.client = new WorkerClient({
      endpoint: `http://127.0.0.1:${own.running.port}`,
      worker: key.address,
      wallet: own.tenant,
      attestedKey,
      network: own.tenant.network,
    })
  }, 180_000)

  afterAll(async () => {
    await own.running.stop()
    await own.chain.stop()
    await untilGone(own.folder)
    await rm(own.folder, { recursive: true, force: true })
  }, 180_000)

  return own
}
