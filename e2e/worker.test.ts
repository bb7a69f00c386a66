import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { enrolWorker, loadAgentConfig, loadWorkerKey, type RunningWorker, Sequence, Settlement, startWorker } from '@cloister/agent'
import {
  attestWorker,
  closeLease,
  ensurePlatform,
  freshBlock,
  fundDevelopmentAccount,
  getBilling,
  getCredit,
  getLease,
  openLease,
  updateLease,
  type Wallet,
} from '@cloister/chain'
import { type DevelopmentChain, startDevelopmentChain } from '@cloister/chain/anvil'
import { defaultPolicy, hashManifest, type Manifest, type Order, orderFor, parseManifest, toCanonicalJson } from '@cloister/core'
import { buildWorkbench, WORKBENCH_IMAGE } from '@cloister/executors'
import { exec, WorkerClient } from '@cloister/sdk'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { canDeploy, processesWith, until, untilGone } from './embedded.ts'

const SERVER = 'require("http").createServer((q,s)=>s.end("hello")).listen(8080)'
const IDLE = 'setInterval(() => {}, 1000)'

describe.skipIf(!canDeploy)(
  'a worker',
  () => {
    let folder: string
    let chain: DevelopmentChain
    let running: RunningWorker
    let tenant: Wallet
    let client: WorkerClient
    let usdc: Hex
    /** Its interface is plain HTTP here. */
    const attestedKey = () => Promise.reject(new Error('not needed'))
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
      tcpPorts: { first: 33_100 + (process.pid % 500) * 10, last: 33_109 + (process.pid % 500) * 10 },
    }

    const manifestOf = (services: string, more = '') => parseManifest(`services:\n${services}${more}`, { file: 'compose.yaml' }).manifest
    const web = (name = 'web', lines = '') =>
      `  ${name}:\n    image: ${WORKBENCH_IMAGE}\n    command: ["node", "-e", '${SERVER}']\n    ports: ["8080"]\n    deploy: { resources: { limits: { cpus: "0.2", memory: 64M } } }\n${lines}`
    const task = (name: string, script: string, lines = '') =>
      `  ${name}:\n    image: ${WORKBENCH_IMAGE}\n    command: ["node", "-e", '${script}']\n    deploy: { resources: { limits: { cpus: "0.2", memory: 64M } } }\n${lines}`
    const order = (manifest: Manifest, changes: Partial<Order> = {}): Order => ({
      ...orderFor(manifest, { tenant: tenant.account.address, token: usdc, policy: defaultPolicy(true) }),
      ...changes,
    })
    const bid = (asked: Order) => client.bid(asked, AbortSignal.timeout(5_000))
    const open = async (manifest: Manifest, deposit = 10_000_000n) => (await openLease(tenant, await bid(order(manifest)), deposit)).id
    const deploy = async (manifest: Manifest, deposit?: bigint) => {
      const id = await open(manifest, deposit)
      await client.putManifest(id, manifest)
      return id
    }
    const untilState = (id: Hex, ...states: string[]) =>
      until(`the lease is ${states}`, async () => (states.includes((await client.lease(id)).state) ? client.lease(id) : undefined))
    const close = async (id: Hex) => {
      await closeLease(tenant, id)
      await until('it is wiped', async () => running.worker.store.lease(id)?.state === 'closed' && processesWith(id).length === 0)
    }
    const kinds = (id: Hex) => running.worker.store.events(id, 0).map(({ kind }) => kind)
    const sh = async (id: Hex, line: string, container?: string) => {
      const out = new PassThrough()
      let text = ''
      out.on('data', (chunk) => (text += chunk))
      const code = await exec(client, { lease: id, container, argv: ['sh', '-c', line], stdin: undefined, stdout: out, stderr: out })
      return { code, text }
    }

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'cloister-worker-'))
      chain = await startDevelopmentChain()
      chain.root.save(join(folder, 'attestation'))
      tenant = chain.wallet(4)
      usdc = chain.network.tokens.find(({ symbol }) => symbol === 'USDC')?.address ?? '0x'
      await fundDevelopmentAccount(chain.wallet(0), tenant.account.address)
      writeFileSync(join(folder, 'network.json'), JSON.stringify(chain.network))
      writeFileSync(join(folder, 'provider.yaml'), stringify(configuration))
      await buildWorkbench(join(folder, 'images'))
      const config = loadAgentConfig(join(folder, 'provider.yaml'))
      const key = loadWorkerKey(config.folder)
      expect(await enrolWorker(chain.wallet(1), key, config)).toBe('registered')
      expect(await enrolWorker(chain.wallet(1), key, config)).toBe('unchanged')
      await expect(enrolWorker(chain.wallet(2), key, config)).rejects.toMatchObject({ code: 'not-yours' })
      running = await startWorker(config, () => {})
      client = new WorkerClient({ endpoint: `http://127.0.0.1:${running.port}`, worker: key.address, wallet: tenant, attestedKey })
    }, 180_000)

    afterAll(async () => {
      await running.stop()
      await chain.stop()
      await untilGone(folder)
      await rm(folder, { recursive: true, force: true })
    }, 180_000)

    describe('bids', () => {
      it('from its price list, rounded up once', async () => {
        // 0.2 CPU and 64 MiB an hour: 0.072 + 0.00225 USDC = 74250 base units, 20.625 a second.
        expect((await bid(order(manifestOf(web())))).ratePerSecond).toBe(21n)
        const gpu = order(manifestOf(web()))
        expect((await bid({ ...gpu, resources: { ...gpu.resources, gpus: 1, gpuModels: ['h100'] } })).ratePerSecond).toBe(1021n)
      })

      it('and says why where it does not', async () => {
        const plain = order(manifestOf(web()))
        const { resources } = plain
        for (const [asked, reason] of [
          [{ ...plain, maxRatePerSecond: '20' }, 'above the ceiling'],
          [{ ...plain, attributes: { region: 'elsewhere' } }, 'region=elsewhere'],
          [{ ...plain, token: tenant.account.address }, 'does not know the token'],
          [{ ...plain, token: chain.network.tokens[0]?.address ?? usdc }, 'does not take CLOI'],
          [{ ...plain, separateNetworks: true }, 'only one network'],
          [{ ...plain, resources: { ...resources, memoryMiB: 5000 } }, '1 GiB of memory free'],
          [{ ...plain, resources: { ...resources, cpuMilli: 5000 } }, '4 CPU free'],
          [{ ...plain, resources: { ...resources, gpus: 2 } }, '1 GPUs free'],
          [{ ...plain, resources: { ...resources, gpus: 1, gpuModels: ['a100'] } }, 'asks for a100'],
        ] as const)
          await expect(bid(asked as Order), reason).rejects.toMatchObject({ code: 'no-bid', message: expect.stringContaining(reason) })
      })

      it('by a program of the provider’s, which may decline, and whose failures bid nothing', async () => {
        const { config } = running.worker
        const script = async (body: string) => {
          const path = join(folder, `price-${randomBytes(4).toString('hex')}.sh`)
          await writeFile(path, `#!/bin/sh\n${body}\n`)
          await chmod(path, 0o755)
          config.bidScript = path
        }
        try {
          await script('read order; case "$order" in *cpuMilli*) echo \'{"ratePerSecond":"77"}\';; esac')
          expect((await bid(order(manifestOf(web())))).ratePerSecond).toBe(77n)
          await script('echo \'{"decline":"not today"}\'')
          await expect(bid(order(manifestOf(web())))).rejects.toMatchObject({ message: 'not today' })
          for (const body of ['exit 1', 'echo nonsense', 'echo \'{"ratePerSecond":"-5"}\'', 'sleep 10']) {
            await script(body)
            await expect(bid(order(manifestOf(web()))), body).rejects.toMatchObject({ code: 'no-bid' })
          }
        } finally {
          delete config.bidScript
        }
      })

      it('reserves nothing, never oversells, and turns down at no cost what it can not serve any more', async () => {
        const half = manifestOf(web('web').replace('64M', '600M'))
        const [one, two] = await Promise.all([bid(order(half)), bid(order(half))])
        const first = (await openLease(tenant, one, 50_000n)).id
        await client.putManifest(first, half)
        const before = await getCredit(tenant, tenant.account.address, usdc)
        const second = (await openLease(tenant, two, 50_000n)).id
        await until('it is refused', async () => (await getLease(tenant, second)).state === 'closed')
        expect((await getCredit(tenant, tenant.account.address, usdc)) - before).toBe(50_000n)
        await expect(client.putManifest(second, half)).rejects.toMatchObject({ code: 'not-found' })
        await untilState(first, 'running')
        await close(first)
      })
    })

    describe('listens to the tenant only', () => {
      const put = async (id: Hex, body: string, headers: Record<string, string> = {}) => {
        const response = await fetch(`${client.endpoint}/v1/leases/${id}/manifest`, {
          method: 'PUT',
          body,
          headers: { 'content-type': 'application/json', ...headers },
        })
        const { code } = (await response.json()) as { code?: string }
        return [response.status, code]
      }

      it('signed, once, now, and for exactly that body', async () => {
        const manifest = manifestOf(web())
        const body = toCanonicalJson(manifest)
        const id = await open(manifest)
        const path = `/v1/leases/${id}/manifest`
        expect(await put(id, body)).toEqual([401, 'unauthorized'])
        expect(await put(id, body, { authorization: 'Cloister e30' })).toEqual([401, 'unauthorized'])
        const stranger = new WorkerClient({ endpoint: client.endpoint, worker: client.worker, wallet: chain.wallet(5), attestedKey })
        expect(await put(id, body, await stranger.sign('PUT', path, body))).toEqual([403, 'forbidden'])
        expect(await put(id, `${body} `, await client.sign('PUT', path, body))).toEqual([401, 'unauthorized'])
        expect(await put(id, body, await client.sign('GET', path, body))).toEqual([401, 'unauthorized'])
        const elsewhere = new WorkerClient({ endpoint: client.endpoint, worker: tenant.account.address, wallet: tenant, attestedKey })
        expect(await put(id, body, await elsewhere.sign('PUT', path, body))).toEqual([401, 'unauthorized'])
        const signed = await client.sign('PUT', path, body)
        expect(await put(id, body, signed)).toEqual([202, undefined])
        expect(await put(id, body, signed)).toEqual([401, 'unauthorized'])
        const now = Date.now
        Date.now = () => now() - 120_000
        const old = await client.sign('PUT', path, body)
        Date.now = now
        expect(await put(id, body, old)).toEqual([401, 'unauthorized'])
        for (const path of ['', '/metrics', '/logs', '/events']) expect((await fetch(`${client.endpoint}/v1/leases/${id}${path}`)).status, path).toBe(401)
        await expect(exec(stranger, { lease: id, argv: ['id'], stdin: undefined, stdout: process.stdout, stderr: process.stderr })).rejects.toMatchObject({
          code: 'forbidden',
        })
        await close(id)
      })

      it('and takes only the manifest of the lease, within what was bid', async () => {
        const manifest = manifestOf(web())
        const id = await open(manifest)
        await expect(client.putManifest(id, manifestOf(web('other')))).rejects.toMatchObject({ code: 'wrong-manifest' })
        const path = `/v1/leases/${id}/manifest`
        for (const body of ['{}', '[]', 'null', '{"version":1}', 'x', `{"__proto__":{}}`])
          expect((await put(id, body, await client.sign('PUT', path, body)))[0], body).toBeGreaterThanOrEqual(400)
        const huge = JSON.stringify({ x: 'y'.repeat(2 * 1024 * 1024) })
        expect((await put(id, huge, await client.sign('PUT', path, huge)).catch(() => [413]))[0]).toBe(413)
        const bigger = manifestOf(web().replace('64M', '128M'))
        await updateLease(tenant, id, hashManifest(bigger))
        await expect(client.putManifest(id, bigger)).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('more than the lease has') })
        await close(id)
      })

      it('behind a description of itself', async () => {
        const document = (await (await fetch(`${client.endpoint}/openapi.json`)).json()) as { paths: Record<string, unknown> }
        expect(Object.keys(document.paths)).toEqual(
          expect.arrayContaining([
            '/v1/worker',
            '/v1/bids',
            '/v1/leases/{id}',
            '/v1/leases/{id}/manifest',
            '/v1/leases/{id}/logs',
            '/v1/leases/{id}/events',
            '/v1/leases/{id}/metrics',
          ]),
        )
        expect(await client.report()).toMatchObject({
          evidence: 'development platform (simulated)',
          isolation: { engine: expect.stringContaining('sandbox'), missing: expect.arrayContaining(["the host's kernel is shared"]) },
        })
      })
    })

    describe('runs', () => {
      it('services in the order of their dependencies, with health checks, to completion', async () => {
        const id = await deploy(
          manifestOf(
            task('setup', 'setTimeout(() => console.log("set up"), 300)') +
              task(
                'base',
                'setTimeout(() => require("fs").writeFileSync("/tmp/ok", ""), 500); setInterval(() => {}, 1000)',
                '    healthcheck: { test: ["CMD", "cat", "/tmp/ok"], interval: 1s, timeout: 2s, retries: 20 }\n    depends_on: { setup: { condition: service_completed_successfully } }\n',
              ) +
              web('web', '    depends_on: { base: { condition: service_healthy } }\n'),
          ),
        )
        const report = await untilState(id, 'running')
        const by = Object.fromEntries(report.services.map((service) => [service.service, service]))
        expect([by['setup']?.state, by['base']?.state, by['web']?.state]).toEqual(['completed', 'running', 'running'])
        expect((by['base']?.startedAt ?? 0) - (by['setup']?.startedAt ?? 0)).toBeGreaterThanOrEqual(250)
        expect((by['web']?.startedAt ?? 0) - (by['base']?.startedAt ?? 0)).toBeGreaterThanOrEqual(450)
        await close(id)
      })

      it('restarts by policy with growing pauses, and says when something failed for good', async () => {
        const id = await deploy(
          manifestOf(
            task('again', 'process.exit(5)', '    restart: always\n') +
              task('twice', 'process.exit(6)', '    restart: "on-failure:2"\n') +
              task('never', 'process.exit(7)', '    restart: "no"\n'),
          ),
        )
        const report = await until('twice gave up', async () => {
          const found = await client.lease(id)
          return found.services.find(({ service }) => service === 'twice')?.state === 'failed' && found
        })
        const by = Object.fromEntries(report.services.map((service) => [service.service, service]))
        expect(by['never']).toMatchObject({ state: 'failed', restarts: 0, exitCode: 7 })
        expect(by['twice']).toMatchObject({ state: 'failed', restarts: 2, exitCode: 6 })
        expect(by['again']?.restarts).toBeGreaterThan(0)
        const pauses = running.worker.store
          .events(id, 0)
          .filter(({ message }) => message.includes('again'))
          .map(({ message }) => Number(/in ([\d.]+) s/.exec(message)?.[1]))
        expect(pauses).toEqual([...pauses].sort((a, b) => a - b))
        expect(pauses[1]).toBe((pauses[0] ?? 0) * 2)
        await close(id)
      })

      it('updates only what changed', async () => {
        const before = manifestOf(web('web') + task('side', IDLE))
        const id = await deploy(before)
        const first = await untilState(id, 'running')
        const after = manifestOf(web('web', '    environment: { EDITION: "2" }\n') + task('side', IDLE))
        await updateLease(tenant, id, hashManifest(after))
        await client.putManifest(id, after)
        const second = await until('the new one runs', async () => {
          const report = await client.lease(id)
          return report.manifestHash === hashManifest(after) && report.state === 'running' && report
        })
        const at = (report: typeof first, name: string) => report.services.find(({ service }) => service === name)?.startedAt
        expect(at(second, 'side')).toBe(at(first, 'side'))
        expect(at(second, 'web')).toBeGreaterThan(at(first, 'web') ?? 0)
        await close(id)
      })

      it('keeps a lease to its memory', async () => {
        const id = await deploy(manifestOf(task('memory', 'const a=[];setInterval(()=>a.push(Buffer.alloc(4<<20,1)),5)', '    restart: "no"\n')))
        const report = await untilState(id, 'failed')
        expect(report.services[0]?.reason).toBe('it ran out of memory')
        await close(id)
      })

      it('keeps a lease to its disk', async () => {
        const greedy = manifestOf(task('disk', 'const f=require("fs");const b=Buffer.alloc(1<<20);setInterval(()=>f.appendFileSync("/tmp/x",b),2)'))
        for (const service of Object.values(greedy.services)) service.resources.diskMiB = 64
        const id = await deploy(greedy)
        await until('the disk is noticed', async () => kinds(id).includes('disk-full'))
        const report = await untilState(id, 'failed')
        expect(report.services[0]?.reason).toContain('64 MiB of disk')
        await close(id)
      })

      it('lets no service reach the worker, the chain or another lease', async () => {
        const one = await deploy(manifestOf(web('one')))
        const two = await deploy(manifestOf(web('two').replace('8080', '8081').replace('8080', '8081').replace('["8080"]', '["8081"]')))
        await Promise.all([untilState(one, 'running'), untilState(two, 'running')])
        const reach = (host: string, port: number) =>
          sh(
            two,
            `node -e 'require("net").connect(${port}, "${host}").on("connect",()=>process.exit(0)).on("error",()=>process.exit(9)).setTimeout(500,()=>process.exit(9))'`,
          )
        expect((await reach('127.0.0.1', 8081)).code).toBe(0)
        const rpcPort = Number(new URL(chain.network.rpcUrl).port)
        for (const [host, port] of [
          ['127.0.0.1', running.port],
          ['127.0.0.1', rpcPort],
          ['127.0.0.1', 8080],
          ['one', 8080],
          ['1.1.1.1', 443],
        ] as const)
          expect((await reach(host, port)).code, `${host}:${port}`).toBe(9)
        await close(one)
        await close(two)
      })

      it('forwards TCP ports', async () => {
        const echo = 'require("net").createServer(c=>c.pipe(c)).listen(7000)'
        const id = await deploy(manifestOf(task('echo', echo, '    ports: [{ target: 7000, app_protocol: tcp }]\n')))
        const { routes } = await untilState(id, 'running')
        const [route] = routes
        expect(route).toMatchObject({ protocol: 'tcp', port: 7000 })
        const socket = connect(Number(route?.address?.split(':')[1]), '127.0.0.1')
        socket.write('there and back')
        expect(String(await new Promise((done) => socket.once('data', done)))).toBe('there and back')
        socket.destroy()
        await close(id)
        const closed = connect(Number(route?.address?.split(':')[1]), '127.0.0.1')
        expect(await new Promise((done) => closed.once('error', (error: NodeJS.ErrnoException) => done(error.code)))).toBe('ECONNREFUSED')
      })

      it('streams a great deal through a slow reader, whole', async () => {
        const id = await deploy(manifestOf(web()))
        await untilState(id, 'running')
        const size = 8 * 1024 * 1024
        let seen = 0
        let stalls = 0
        // Stands still at every MiB, also near the end, when the command is long over.
        const slow = new Writable({
          highWaterMark: 64 * 1024,
          write: (chunk: Buffer, _, done) => {
            seen += chunk.length
            const stalled = Math.floor(seen / 1024 / 1024) > stalls
            if (stalled) stalls++
            setTimeout(done, stalled ? 100 : 0)
          },
        })
        const before = process.memoryUsage().rss
        const code = await exec(client, {
          lease: id,
          argv: ['node', '-e', `process.stdout.write(Buffer.alloc(${size}, 97))`],
          stdin: undefined,
          stdout: slow,
          stderr: slow,
        })
        await until('all is there', async () => seen === size)
        expect(code).toBe(0)
        expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024)
        // And the other way.
        const stdin = new PassThrough()
        const out = new PassThrough()
        let answer = ''
        out.on('data', (chunk) => (answer += chunk))
        const counting = exec(client, {
          lease: id,
          argv: ['node', '-e', 'let n=0;process.stdin.on("data",d=>n+=d.length).on("end",()=>console.log(n))'],
          stdin,
          stdout: out,
          stderr: out,
        })
        for (let i = 0; i < 64; i++) if (!stdin.write(Buffer.alloc(64 * 1024))) await new Promise((done) => stdin.once('drain', done))
        stdin.end()
        expect(await counting).toBe(0)
        expect(answer.trim()).toBe(String(4 * 1024 * 1024))
        await close(id)
      })

      it('shows what services print, all or one, with the last lines only, and follows', async () => {
        const id = await deploy(
          manifestOf(
            task('a', 'for(let i=0;i<50;i++)console.log("a",i);setInterval(()=>{},1000)') +
              task('b', 'console.error("b to stderr");setInterval(()=>console.log("tick"),200)'),
          ),
        )
        await untilState(id, 'running')
        const lines = async (options: { service?: string; tail?: number }) => {
          const found: string[] = []
          for await (const line of client.logs(id, { ...options, signal: AbortSignal.timeout(5_000) }))
            found.push(`${line.container} ${line.stream} ${line.text}`)
          return found
        }
        await until('all is printed', async () => (await lines({ service: 'a' })).length === 50 && (await lines({ service: 'b' })).length > 0)
        expect(await lines({ service: 'a', tail: 3 })).toEqual(['a-0 stdout a 47', 'a-0 stdout a 48', 'a-0 stdout a 49'])
        expect(await lines({ service: 'b' })).toContain('b-0 stderr b to stderr')
        expect((await lines({})).length).toBeGreaterThanOrEqual(51)
        await expect(lines({ service: 'c' })).rejects.toMatchObject({ code: 'not-found', hint: expect.stringContaining('a, b') })
        const aborter = new AbortController()
        let ticks = 0
        for await (const line of client.logs(id, { service: 'b', tail: 0, follow: true, signal: aborter.signal }))
          if (line.text === 'tick' && ++ticks === 3) break
        aborter.abort()
        expect(ticks).toBe(3)
        await close(id)
      })
    })

    it('keeps a lease that a reorganisation takes off the chain for a moment', async () => {
      const snapshot = await tenant.client.request({ method: 'evm_snapshot' } as never)
      const id = await deploy(manifestOf(web()))
      await untilState(id, 'running')
      await tenant.client.request({ method: 'evm_revert', params: [snapshot] } as never)
      expect((await getLease(tenant, id)).state).toBe('none')
      // Longer than the worker takes to notice.
      await delay(4_000)
      expect((await client.lease(id)).state).toBe('running')
      expect(processesWith(id)).not.toEqual([])
    })

    it('settles what leases have earned along with an attestation', async () => {
      const id = await deploy(manifestOf(web()))
      await untilState(id, 'running')
      const { chain: own, supervisor, attestor, key } = running.worker
      await tenant.client.request({ method: 'evm_increaseTime', params: [60] } as never)
      await tenant.client.request({ method: 'evm_mine', params: [] } as never)
      const rarely = new Settlement({ wallet: own, supervisor, sequence: new Sequence(), everySeconds: 3_600 })
      expect(await rarely.along()).toEqual([])
      const often = new Settlement({ wallet: own, supervisor, sequence: new Sequence(), everySeconds: 0.001 })
      const leases = await until('something is earned', async () => {
        const due = await often.along()
        return due.includes(id) && due
      })
      const before = await getLease(tenant, id)
      const block = await freshBlock(own)
      const { quote } = await attestor.quote(block.hash)
      const pckKey = await ensurePlatform(own, quote)
      await attestWorker(own, { worker: key.address, tlsKeyHash: attestor.tlsKeyHash, pckKey, block, quote }, leases)
      expect((await getLease(tenant, id)).spent).toBeGreaterThan(before.spent + 60n * before.ratePerSecond - 1n)
      const { timestamp } = await tenant.client.getBlock()
      expect((await getBilling(tenant, key.address)).until).toBe(timestamp + 3600n)
      await close(id)
    })

    // Last, since it moves the chain's clock.
    it('warns at an hour and at ten minutes, then stops what is out of money', async () => {
      const manifest = manifestOf(web())
      const rate = (await bid(order(manifest))).ratePerSecond
      const id = await deploy(manifest, rate * 4000n)
      await untilState(id, 'running')
      const travel = async (seconds: number) => {
        await tenant.client.request({ method: 'evm_increaseTime', params: [seconds] } as never)
        await tenant.client.request({ method: 'evm_mine', params: [] } as never)
      }
      await delay(3_500)
      expect(kinds(id)).not.toContain('low-balance')
      const warnings = () => kinds(id).filter((kind) => kind === 'low-balance').length
      await travel(500)
      await until('the first warning', async () => warnings() === 1)
      await travel(2_950)
      await until('the second warning', async () => warnings() === 2)
      expect((await client.lease(id)).state).toBe('running')
      // A worker that has not renewed its coverage is not paid.
      await until('coverage is renewed', async () => (await getBilling(tenant, client.worker)).until > (await tenant.client.getBlock()).timestamp + 1800n)
      await travel(700)
      await until('it is closed', async () => (await getLease(tenant, id)).state === 'closed')
      await until('nothing of it runs', async () => processesWith(id).length === 0)
      expect(kinds(id)).toContain('out-of-money')
      const { spent } = await getLease(tenant, id)
      expect(spent).toBe(rate * 4000n)
    })
  },
  180_000,
)
