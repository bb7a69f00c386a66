import { existsSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { loseMachine, machinesOf } from '@cloister/agent'
import { measurementOf } from '@cloister/attest'
import {
  ADMISSION_ABI,
  closeLease,
  connectWallet,
  departWorker,
  openLease,
  updateLease,
  type Wallet,
} from '@cloister/chain'
import {
  defaultPolicy,
  hashManifest,
  type Manifest,
  type Order,
  orderFor,
  parseManifest,
} from '@cloister/core'
import { type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { canRun, type TestEngine, type TestSwarm } from '@cloister/development/engines'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import { developmentGuest, measurementsOf } from '@cloister/development/root'
import { containersOn, dockerOf, startTwoMachines, type TwoMachines } from '@cloister/devnet/two-machines'
import { buildImage } from '@cloister/executors'
import { WorkerClient } from '@cloister/sdk'
import { exec } from '@cloister/sdk/node'
import { type Hex, zeroHash } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from './embedded.ts'
import { attestedKey } from './own-worker.ts'

const IMAGE = 'cloister/busybox:1'
const serving = (name: string, more = '') =>
  `  ${name}:\n    image: ${IMAGE}\n    command: ["sh", "-c", "mkdir -p /tmp/www; echo hello from ${name} > /tmp/www/index.html; exec busybox httpd -f -p 8080 -h /tmp/www"]\n    ports: ["8080"]\n    stop_grace_period: 100ms\n    deploy: { resources: { limits: { cpus: "0.1", memory: 32M } } }\n${more}`

/** The role of a measurement whose guests may be covered. */
const GUEST = 1
/** Milliseconds that Swarm may take to notice that a machine is gone, on a busy machine. */
const MOVE_MS = 180_000

/** `npm run try-swarm` runs it: on a busy machine it can take longer than its limits. */
const isWanted = process.env['CLOISTER_SWARM'] === '1'

describe.skipIf(!isWanted || !canRun('dockerd') || !existsSync('/bin/busybox'))(
  'a worker of two machines',
  () => {
    let folder: string
    let chain: DevelopmentChain
    let machines: TwoMachines
    let swarm: TestSwarm
    let client: WorkerClient
    let tenant: Wallet
    let lease: Hex

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'cloister-swarm-'))
      // One after the other: what is there when something fails has to be known.
      // Its blocks come by themselves: a machine that comes back proves itself by one newer than it left at.
      chain = await startDevelopmentChain(['--block-time', '1', '--mixed-mining'])
      chain.root.save(join(folder, 'attestation'))
      await buildImage({
        layout: join(folder, 'images'),
        name: IMAGE,
        programs: { '/bin/busybox': '/bin/busybox', '/bin/sh': '/bin/busybox' },
        files: {},
        entrypoint: [],
        command: [],
        env: {},
      })
      writeFileSync(join(folder, 'network.json'), JSON.stringify(chain.network))
      machines = await startTwoMachines({
        folder,
        networkFile: join(folder, 'network.json'),
        rootFolder: join(folder, 'attestation'),
        provider: chain.wallet(1),
        config: {
          listen: { host: '127.0.0.1', port: 0 },
          endpoint: 'http://127.0.0.1:1',
          capacity: { cpus: 4, memory: '1GiB', disk: '8GiB' },
          prices: { USDC: { cpu: '0.36', memoryGiB: '0.036', diskGiB: '0' } },
          images: { layouts: [join(folder, 'images')] },
        },
      })
      ;({ swarm } = machines)
      tenant = chain.wallet(4)
      await fundDevelopmentAccount(chain.wallet(0), tenant.account.address)
      client = new WorkerClient({
        endpoint: `http://127.0.0.1:${machines.running.port}`,
        worker: machines.worker,
        wallet: tenant,
        attestedKey,
        network: tenant.network,
      })
    }, 240_000)

    afterAll(async () => {
      await machines?.stop()
      await chain?.stop()
      await rm(folder, { recursive: true, force: true })
    }, 180_000)

    const compose = (more = '') =>
      parseManifest(
        `services:\n${serving('web', '    volumes: [data:/data]\n')}${more}volumes:\n  data: {}\n`,
        { file: 'compose.yaml' },
      ).manifest
    const orderOf = (manifest: Manifest) => {
      const token = chain.network.tokens.find(({ symbol }) => symbol === 'USDC')?.address ?? '0x'
      return orderFor(manifest, { tenant: tenant.account.address, token, policy: defaultPolicy(true) })
    }
    const open = async (order: Order) =>
      (await openLease(tenant, await client.bid(order, AbortSignal.timeout(5_000)), 10_000_000n)).id
    /** Has new places come to the other machine alone, or to both. */
    const lendHere = (availability: 'active' | 'pause') => {
      const [id = ''] = dockerOf(swarm.manager, 'node', 'ls', '--filter', 'role=manager', '-q').split('\n')
      dockerOf(swarm.manager, 'node', 'update', '--availability', availability, id)
    }
    const stateOf = async (name: string) =>
      (await client.lease(lease)).services.find((one) => one.name === name)?.state
    /** Whether the other machine may have containers. */
    const isLent = async () =>
      (await machinesOf(machines.config)).some(({ isManager, isLabelled }) => !isManager && isLabelled)
    /** Holds `roles` back from the program that the machines of this network run. */
    const suspend = async (roles: number) => {
      const { governance } = chain
      const measurement = measurementOf(measurementsOf(developmentGuest())) ?? zeroHash
      const hash = await governance.wallet.writeContract({
        address: chain.network.contracts.admission,
        abi: ADMISSION_ABI,
        functionName: 'suspendMeasurement',
        args: [measurement, roles],
        account: governance.account,
        chain: null,
      })
      expect((await governance.client.waitForTransactionReceipt({ hash })).status).toBe('success')
    }
    const kinds = () => machines.running.worker.store.events(lease, 0).map(({ kind }) => kind)
    const isClosed = async (id: Hex) => machines.running.worker.store.lease(id)?.state === 'closed'
    const sh = async (container: string, line: string) => {
      const out = new PassThrough()
      let text = ''
      out.on('data', (chunk) => (text += chunk))
      const argv = ['sh', '-c', line]
      await exec(client, { lease, container, argv, stdin: undefined, stdout: out, stderr: out })
      return text
    }
    const untilRuns = (what: string, isSo: () => Promise<boolean>) =>
      until(
        what,
        async () => ((await client.lease(lease)).state === 'running' && (await isSo())) || undefined,
        MOVE_MS,
      )

    it('has what waits for a machine go on once it is back, and wipes there what ended meanwhile', async () => {
      const manifest = compose()
      lendHere('pause')
      const ended = await open(orderOf(manifest))
      lease = await open(orderOf(manifest))
      for (const id of [ended, lease]) await client.putManifest(id, manifest)
      const volumes = () => dockerOf(swarm.node, 'volume', 'ls', '--quiet').split('\n').filter(Boolean)
      await untilRuns('both run there', async () => containersOn(swarm.node).length === 2)
      expect(volumes()).toHaveLength(2)
      await sh('web-0', 'echo kept > /data/file')

      await machines.stopNode()
      await until('one waits', async () => (await stateOf('web-0')) === 'waiting', MOVE_MS)
      expect(await isLent()).toBe(false)
      await closeLease(tenant, ended)
      await until('the other is closed', () => isClosed(ended))
      expect(volumes()).toHaveLength(2)

      machines.startNode()
      await untilRuns('it goes on there', async () => containersOn(swarm.node).length === 1)
      expect(await isLent()).toBe(true)
      expect(await sh('web-0', 'cat /data/file')).toBe('kept\n')
      await until('the other is wiped there', async () => volumes().length === 1)
      await closeLease(tenant, lease)
      await until('nothing is left there', async () => volumes().length === 0)
      const known = async () => (await machinesOf(machines.config)).flatMap(({ leases }) => leases)
      await until('nothing is known of any', async () => (await known()).length === 0, MOVE_MS)
      lendHere('active')
    }, 600_000)

    it('takes what runs off a machine that answers and is not covered, and has it run more once it is', async () => {
      const manifest = parseManifest(`services:\n${serving('web')}`, { file: 'compose.yaml' }).manifest
      const runOn = async (engine: TestEngine) => {
        await untilRuns('it runs', async () => containersOn(engine).length === 1)
        expect(await sh('web-0', 'echo it answers')).toBe('it answers\n')
      }
      lendHere('pause')
      lease = await open(orderOf(manifest))
      await client.putManifest(lease, manifest)
      await runOn(swarm.node)
      lendHere('active')

      // Its coverage ends, and its program may not be covered for now, however often it asks.
      await suspend(GUEST)
      const node = connectWallet(chain.network, machines.nodeKey)
      await departWorker(node, node.account.address)
      await until('it is cordoned', async () => !(await isLent()), MOVE_MS)
      await until('it runs nothing', async () => containersOn(swarm.node).length === 0, MOVE_MS)
      await runOn(swarm.manager)
      expect((await machinesOf(machines.config)).map(({ isUp }) => isUp)).toEqual([true, true])
      await closeLease(tenant, lease)
      await until('it is closed', () => isClosed(lease))

      await suspend(0)
      await until('it is covered again', isLent, MOVE_MS)
      lendHere('pause')
      lease = await open(orderOf(manifest))
      await client.putManifest(lease, manifest)
      await runOn(swarm.node)
      await closeLease(tenant, lease)
      await until('it is closed', () => isClosed(lease))
      lendHere('active')
    }, 600_000)

    it('runs a lease on both, moves it off one whose coverage ends, and tells of a volume that is lost', async () => {
      const manifest = compose(serving('api'))
      const larger = compose(serving('api') + serving('jobs') + serving('more'))
      const order = orderOf(larger)
      expect(order.largest).toEqual({ cpuMilli: 100, memoryMiB: 32 })
      const huge = { ...order, largest: { cpuMilli: 100_000, memoryMiB: 32 } }
      await expect(client.bid(huge, AbortSignal.timeout(5_000))).rejects.toThrow('No machine')

      // The volume is on the other machine. Of the others that come later, each machine gets one or two.
      lendHere('pause')
      lease = await open(order)
      await updateLease(tenant, lease, hashManifest(manifest))
      await client.putManifest(lease, manifest)
      await untilRuns('it runs there', async () => containersOn(swarm.node).length === 2)
      await sh('web-0', 'echo kept > /data/file')
      lendHere('active')
      await updateLease(tenant, lease, hashManifest(larger))
      await client.putManifest(lease, larger)
      const all = ['api-0', 'jobs-0', 'more-0', 'web-0']
      const placed = async () => [containersOn(swarm.manager), containersOn(swarm.node)] as const
      await untilRuns('it runs on both', async () => (await placed()).flat().length === all.length)
      const [here, there] = await placed()
      expect([...here, ...there].sort()).toEqual(all)
      expect(here.length).toBeGreaterThan(0)
      expect(there).toContain('web-0')
      expect(there.length).toBeGreaterThan(1)
      expect(await sh('web-0', 'cat /data/file')).toBe('kept\n')
      for (const [from, to] of [
        ['api-0', 'web'],
        ['web-0', 'jobs'],
        ['jobs-0', 'api'],
      ] as const)
        expect(await sh(from, `busybox wget -qO- http://${to}:8080/`)).toBe(`hello from ${to}\n`)

      // As gateways reach them.
      for (const service of ['web', 'api', 'jobs']) {
        const stream = await machines.running.worker.executor.connect(lease, `${service}-0`, 8080)
        stream.write('GET / HTTP/1.0\r\n\r\n')
        let text = ''
        for await (const chunk of stream) text += chunk
        expect(text).toContain(`hello from ${service}`)
      }

      // Swarm's store knows nothing of what a tenant's programs are told.
      const services = dockerOf(swarm.manager, 'service', 'ls', '--quiet').split('\n').filter(Boolean)
      const stored = dockerOf(swarm.manager, 'service', 'inspect', ...services)
      expect(stored).toContain(lease)
      expect(stored).not.toMatch(/hello|CLOISTER_|busybox/)

      // Stopped, it ends what runs there and its coverage. What has a volume there waits for it.
      await machines.stopNode()
      expect(containersOn(swarm.node)).toEqual([])
      const others = all.filter((name) => name !== 'web-0')
      await until(
        'the others run here',
        async () =>
          containersOn(swarm.manager).join() === others.join() &&
          (await Promise.all(others.map(stateOf))).every((state) => state === 'running'),
        MOVE_MS,
      )
      await until('it is told', async () => kinds().includes('volume-away'), MOVE_MS)
      expect(await stateOf('web-0')).toBe('waiting')
      expect((await client.lease(lease)).state).toBe('degraded')

      // It is gone for good once the provider says so, and not while it answers.
      const { config } = machines
      const listed = await machinesOf(config)
      const { id = '' } = listed.find(({ isManager }) => !isManager) ?? {}
      expect(listed.find((one) => one.id === id)?.leases).toEqual([lease])
      await expect(loseMachine(config, id)).rejects.toThrow('answers the Swarm')
      await swarm.node.stop()
      await until(
        'the Swarm misses it',
        async () => {
          const found = (await machinesOf(config)).find((one) => one.id === id)
          return found?.isUp === false && (await loseMachine(config, id)).id === id
        },
        MOVE_MS,
      )
      await until('it is told', async () => kinds().includes('volume-lost'), MOVE_MS)
      expect(await stateOf('web-0')).toBe('failed')

      await closeLease(tenant, lease)
      await until('it is closed', () => isClosed(lease))
      await until('nothing runs', async () => containersOn(swarm.manager).length === 0 || undefined)
      const left = () =>
        ['service', 'config'].map((kind) => dockerOf(swarm.manager, kind, 'ls', '--quiet')).join('')
      await until('nothing is left', async () => left() === '' || undefined)
    }, 600_000)
  },
)
