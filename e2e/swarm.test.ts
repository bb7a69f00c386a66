import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import {
  type AgentConfig,
  enrolWorker,
  loadAgentConfig,
  loadWorkerKey,
  loseMachine,
  machinesOf,
  type RunningWorker,
  startWorker,
} from '@cloister/agent'
import { closeLease, openLease, updateLease, type Wallet } from '@cloister/chain'
import { defaultPolicy, hashManifest, orderFor, parseManifest } from '@cloister/core'
import { type DevelopmentChain, startDevelopmentChain } from '@cloister/development/chain'
import { canRun, startSwarm, type TestSwarm } from '@cloister/development/engines'
import { openDevelopmentSource } from '@cloister/development/evidence'
import { fundDevelopmentAccount } from '@cloister/development/faucet'
import { buildImage } from '@cloister/executors'
import { WorkerClient } from '@cloister/sdk'
import { exec } from '@cloister/sdk/node'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from './embedded.ts'
import { attestedKey } from './own-worker.ts'

const IMAGE = 'cloister/busybox:1'
const serving = (name: string, more = '') =>
  `  ${name}:\n    image: ${IMAGE}\n    command: ["sh", "-c", "mkdir -p /tmp/www; echo hello from ${name} > /tmp/www/index.html; exec busybox httpd -f -p 8080 -h /tmp/www"]\n    ports: ["8080"]\n    stop_grace_period: 100ms\n    deploy: { resources: { limits: { cpus: "0.1", memory: 32M } } }\n${more}`

/** Milliseconds that Swarm may take to notice that a machine is gone, on a busy machine. */
const MOVE_MS = 180_000

/** `npm run try-swarm` runs it: on a busy machine it can take longer than its limits. */
const isWanted = process.env['CLOISTER_SWARM'] === '1'

describe.skipIf(!isWanted || !canRun('dockerd') || !existsSync('/bin/busybox'))(
  'a worker of two machines',
  () => {
    let folder: string
    let chain: DevelopmentChain
    let swarm: TestSwarm
    let relay: Server
    let node: ChildProcess
    /** The manager's configuration. */
    let managing: AgentConfig
    let running: RunningWorker
    let client: WorkerClient
    let tenant: Wallet
    let lease: Hex

    const docker = ({ socketPath }: { socketPath: string }, ...words: string[]) =>
      execFileSync('docker', ['-H', `unix://${socketPath}`, ...words], { encoding: 'utf8' })
    /** Names of a lease's containers that an engine has. */
    const at = async (engine: { socketPath: string }) =>
      docker(engine, 'ps', '--all', '--format', '{{.Label "network.cloister.name"}}')
        .split('\n')
        .filter(Boolean)
        .sort()

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'cloister-swarm-'))
      // One after the other: what is there when something fails has to be known.
      chain = await startDevelopmentChain()
      swarm = await startSwarm()
      chain.root.save(join(folder, 'attestation'))
      // The other machine reaches the chain where it reaches this one.
      const { rpcUrl } = chain.network
      relay = createServer((socket) => {
        const there = connect(Number(new URL(rpcUrl).port), '127.0.0.1')
        socket.pipe(there).pipe(socket)
        const end = () => [socket, there].map((one) => one.destroy())
        for (const one of [socket, there]) one.on('error', end)
      })
      await new Promise<void>((done) => relay.listen(8545, swarm.managerAddress, done))
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
      const away = { ...chain.network, rpcUrl: `http://${swarm.managerAddress}:8545` }
      writeFileSync(join(folder, 'network-away.json'), JSON.stringify(away))
      const shared = { evidence: { source: 'development', rootFolder: '../attestation' }, prices: {} }
      const write = (name: string, config: object) => {
        mkdirSync(join(folder, name))
        const path = join(folder, name, 'provider.yaml')
        const capacity = { cpus: 4, memory: '1GiB', disk: '8GiB' }
        writeFileSync(path, JSON.stringify({ name, folder: 'own', capacity, ...shared, ...config }))
        return { path, config: loadAgentConfig(path), key: loadWorkerKey(loadAgentConfig(path).folder) }
      }
      const manager = loadWorkerKey(join(folder, 'manager', 'own'))
      const there = write('node', {
        network: '../network-away.json',
        listen: { host: swarm.nodeAddress, port: 7090 },
        endpoint: `https://${swarm.nodeAddress}:7090`,
        executor: { engine: 'docker', socket: swarm.node.socketPath },
        manager: manager.address,
      })
      const path = join(folder, 'manager', 'provider.yaml')
      writeFileSync(
        path,
        JSON.stringify({
          name: 'manager',
          network: '../network.json',
          folder: 'own',
          listen: { host: '127.0.0.1', port: 0 },
          endpoint: 'http://127.0.0.1:1',
          capacity: { cpus: 4, memory: '1GiB', disk: '8GiB' },
          ...shared,
          prices: { USDC: { cpu: '0.36', memoryGiB: '0.036', diskGiB: '0' } },
          executor: {
            engine: 'swarm',
            socket: swarm.manager.socketPath,
            encrypted: false,
            nodes: [{ worker: there.key.address.toLowerCase(), at: `${swarm.nodeAddress}:7090` }],
          },
          images: { layouts: ['../images'] },
        }),
      )
      managing = loadAgentConfig(path)
      await enrolWorker(chain.wallet(1), manager, managing)
      await enrolWorker(chain.wallet(1), there.key, there.config)
      const [program = '', ...words] = [...swarm.enter, process.execPath]
      const cli = join(import.meta.dirname, '../apps/cli/src/main.mjs')
      node = spawn(program, [...words, cli, 'provider', 'node', '-c', there.path, '--json'], {
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      running = await startWorker(managing, () => {}, openDevelopmentSource)
      tenant = chain.wallet(4)
      await fundDevelopmentAccount(chain.wallet(0), tenant.account.address)
      client = new WorkerClient({
        endpoint: `http://127.0.0.1:${running.port}`,
        worker: manager.address,
        wallet: tenant,
        attestedKey,
        network: tenant.network,
      })
    }, 240_000)

    afterAll(async () => {
      await running?.stop()
      if (node && node.exitCode === null) {
        node.kill('SIGINT')
        await new Promise((done) => node.once('exit', done))
      }
      relay?.close()
      await chain?.stop()
      await swarm?.stop()
      await rm(folder, { recursive: true, force: true })
    }, 180_000)

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

    it('runs a lease on both, moves it off one whose coverage ends, and tells of a volume that is lost', async () => {
      const compose = (more: string) =>
        parseManifest(
          `services:\n${serving('web', '    volumes: [data:/data]\n')}${serving('api')}${more}volumes:\n  data: {}\n`,
          { file: 'compose.yaml' },
        ).manifest
      const manifest = compose('')
      const larger = compose(serving('jobs') + serving('more'))
      const token = chain.network.tokens.find(({ symbol }) => symbol === 'USDC')?.address ?? '0x'
      const order = orderFor(larger, { tenant: tenant.account.address, token, policy: defaultPolicy(true) })
      expect(order.largest).toEqual({ cpuMilli: 100, memoryMiB: 32 })
      const huge = { ...order, largest: { cpuMilli: 100_000, memoryMiB: 32 } }
      await expect(client.bid(huge, AbortSignal.timeout(5_000))).rejects.toThrow('No machine')

      // The volume is on the other machine. Of the others that come later, each machine gets one or two.
      const [hereId = ''] = docker(swarm.manager, 'node', 'ls', '--filter', 'role=manager', '--quiet').split(
        '\n',
      )
      const lendHere = (availability: string) =>
        docker(swarm.manager, 'node', 'update', '--availability', availability, hereId)
      lendHere('pause')
      const bid = await client.bid(order, AbortSignal.timeout(5_000))
      lease = (await openLease(tenant, bid, 10_000_000n)).id
      await updateLease(tenant, lease, hashManifest(manifest))
      await client.putManifest(lease, manifest)
      await untilRuns('it runs there', async () => (await at(swarm.node)).length === 2)
      await sh('web-0', 'echo kept > /data/file')
      lendHere('active')
      await updateLease(tenant, lease, hashManifest(larger))
      await client.putManifest(lease, larger)
      const all = ['api-0', 'jobs-0', 'more-0', 'web-0']
      const placed = async () => [await at(swarm.manager), await at(swarm.node)] as const
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
        const stream = await running.worker.executor.connect(lease, `${service}-0`, 8080)
        stream.write('GET / HTTP/1.0\r\n\r\n')
        let text = ''
        for await (const chunk of stream) text += chunk
        expect(text).toContain(`hello from ${service}`)
      }

      // Swarm's store knows nothing of what a tenant's programs are told.
      const services = docker(swarm.manager, 'service', 'ls', '--quiet').split('\n').filter(Boolean)
      const stored = docker(swarm.manager, 'service', 'inspect', ...services)
      expect(stored).toContain(lease)
      expect(stored).not.toMatch(/hello|CLOISTER_|busybox/)

      // Stopped, it ends what runs there and its coverage. What has a volume there waits for it.
      node.kill('SIGINT')
      await new Promise((done) => node.once('exit', done))
      expect(await at(swarm.node)).toEqual([])
      const stateOf = async (name: string) =>
        (await client.lease(lease)).services.find((one) => one.name === name)?.state
      const kinds = () => running.worker.store.events(lease, 0).map(({ kind }) => kind)
      const others = all.filter((name) => name !== 'web-0')
      await until(
        'the others run here',
        async () =>
          (await at(swarm.manager)).join() === others.join() &&
          (await Promise.all(others.map(stateOf))).every((state) => state === 'running'),
        MOVE_MS,
      )
      await until('it is told', async () => kinds().includes('volume-away'), MOVE_MS)
      expect(await stateOf('web-0')).toBe('waiting')
      expect((await client.lease(lease)).state).toBe('degraded')

      // It is gone for good once the provider says so, and not while it answers.
      const machines = await machinesOf(managing)
      const { id = '' } = machines.find(({ isManager }) => !isManager) ?? {}
      expect(machines.find((one) => one.id === id)?.leases).toEqual([lease])
      await expect(loseMachine(managing, id)).rejects.toThrow('answers the Swarm')
      await swarm.node.stop()
      await until(
        'the Swarm misses it',
        async () => {
          const found = (await machinesOf(managing)).find((one) => one.id === id)
          return found?.isUp === false && (await loseMachine(managing, id)).id === id
        },
        MOVE_MS,
      )
      await until('it is told', async () => kinds().includes('volume-lost'), MOVE_MS)
      expect(await stateOf('web-0')).toBe('failed')

      await closeLease(tenant, lease)
      await until(
        'it is wiped',
        async () => running.worker.store.lease(lease)?.state === 'closed' || undefined,
      )
      await until('nothing runs', async () => (await at(swarm.manager)).length === 0 || undefined)
      const left = () =>
        ['service', 'config'].map((kind) => docker(swarm.manager, kind, 'ls', '--quiet')).join('')
      await until('nothing is left', async () => left() === '' || undefined)
    }, 600_000)
  },
)
