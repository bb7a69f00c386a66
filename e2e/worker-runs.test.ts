import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { PassThrough, Writable } from 'node:stream'
import {
  closeLease,
  getLease,
  getTokenBalance,
  MARKET_ABI,
  resizeLease,
  updateLease,
  type Wallet,
} from '@cloister/chain'
import { hashManifest, type Manifest } from '@cloister/core'
import { WORKBENCH_IMAGE } from '@cloister/executors'
import { exec } from '@cloister/sdk/node'
import type { Hex } from 'viem'
import { describe, expect, it } from 'vitest'
import { canDeploy, until } from './embedded.ts'
import { BRIEF, manifestOf, task, useWorker, web } from './own-worker.ts'

const IDLE = 'setInterval(() => {}, 1000)'

/** What a lease came to by its price in each of its settlements. */
async function settledBy({ client, network }: Wallet, id: Hex, toBlock: bigint): Promise<bigint> {
  const logs = await client.getContractEvents({
    address: network.contracts.market,
    abi: MARKET_ABI,
    fromBlock: 0n,
    toBlock,
    strict: true,
  })
  let [rate, sum] = [0n, 0n]
  for (const { eventName, args } of logs) {
    if (!('id' in args) || args.id !== id) continue
    if (eventName === 'LeaseSettled') sum += args.coveredSeconds * rate
    if (eventName === 'LeaseOpened' || eventName === 'LeaseResized') rate = args.ratePerSecond
  }
  return sum
}

describe.skipIf(!canDeploy)(
  'what a worker runs',
  () => {
    const own = useWorker()
    const { deploy, untilState, close, sh, kinds } = own
    const closed = async (id: Hex) => {
      const receipt = await closeLease(own.tenant, id)
      return { receipt, spent: (await getLease(own.tenant, id)).spent }
    }

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
        expect([by['setup']?.state, by['base']?.state, by['web']?.state]).toEqual([
          'completed',
          'running',
          'running',
        ])
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
          const found = await own.client.lease(id)
          return found.services.find(({ service }) => service === 'twice')?.state === 'failed' && found
        })
        const by = Object.fromEntries(report.services.map((service) => [service.service, service]))
        expect(by['never']).toMatchObject({ state: 'failed', restarts: 0, exitCode: 7 })
        expect(by['twice']).toMatchObject({ state: 'failed', restarts: 2, exitCode: 6 })
        expect(by['again']?.restarts).toBeGreaterThan(0)
        const pauses = own.running.worker.store
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
        await updateLease(own.tenant, id, hashManifest(after))
        await own.client.putManifest(id, after)
        const second = await until('the new one runs', async () => {
          const report = await own.client.lease(id)
          return report.manifestHash === hashManifest(after) && report.state === 'running' && report
        })
        const at = (report: typeof first, name: string) =>
          report.services.find(({ service }) => service === name)?.startedAt
        expect(at(second, 'side')).toBe(at(first, 'side'))
        expect(at(second, 'web')).toBeGreaterThan(at(first, 'web') ?? 0)
        await close(id)
      })

      it('gives a lease another size as it runs: its data stays, its price changes, to the unit', async () => {
        const sized = (memory: string, disk: string) => {
          const manifest = manifestOf(
            `  db:\n    image: ${WORKBENCH_IMAGE}\n    command: ["node", "-e", '${IDLE}']\n${BRIEF}    cpus: 0.2\n    mem_limit: ${memory}\n    volumes: ["data:/data"]\n`,
            `volumes:\n  data: { x-size: ${disk} }\n`,
          )
          for (const service of Object.values(manifest.services)) service.resources.diskMiB = 16
          return manifest
        }
        const take = async (id: Hex, manifest: Manifest, added = 0n) => {
          const bid = await own.client.resizeBid(id, own.order(manifest), AbortSignal.timeout(20_000))
          await resizeLease(own.tenant, bid, own.usdc, added)
          await own.client.putManifest(id, manifest)
          const runs = async () => {
            const report = await own.client.lease(id)
            return report.manifestHash === hashManifest(manifest) && report.state === 'running'
          }
          await until('it runs', runs, 90_000)
          return bid
        }
        const small = sized('64m', '64m')
        const id = await deploy(small)
        await untilState(id, 'running')
        const container = async () => (await own.client.lease(id)).services[0]
        expect(await sh(id, 'echo precious > /data/x')).toMatchObject({ code: 0 })
        const first = await container()
        const opened = await getLease(own.tenant, id)

        // More memory: it runs on, and pays more from then on.
        const more = sized('256m', '64m')
        const bid = await take(id, more, 1_000n)
        expect(bid.ratePerSecond).toBeGreaterThan(opened.ratePerSecond)
        expect(await container()).toMatchObject({ startedAt: first?.startedAt, restarts: 0 })
        expect((await own.client.metrics(id)).containers[0]).toMatchObject({ memoryMiBLimit: 256 })
        const hold = 'const a=[];for(let i=0;i<20;i++)a.push(Buffer.alloc(8<<20,1));console.log(a.length)'
        expect(await sh(id, `node -e '${hold}'`)).toEqual({ code: 0, text: '20\n' })

        // More disk: what is on it stays, and what did not fit does.
        const large = sized('256m', '256m')
        await take(id, large)
        expect(await sh(id, 'cat /data/x')).toEqual({ code: 0, text: 'precious\n' })
        const fill = `node -e 'require("fs").writeFileSync("/data/big", Buffer.alloc(180<<20,1))'`
        expect(await sh(id, fill)).toMatchObject({ code: 0 })

        // Less than it holds is refused before anything is paid; so is what nobody could serve.
        await expect(
          own.client.resizeBid(id, own.order(small), AbortSignal.timeout(20_000)),
        ).rejects.toMatchObject({
          code: 'no-bid',
          message: expect.stringMatching(/^Its files take .* and the order asks for/),
        })
        await expect(
          own.client.resizeBid(id, own.order(sized('64g', '64m')), AbortSignal.timeout(20_000)),
        ).rejects.toThrow(/of memory free; the order needs 64.06 GiB/)
        await sh(id, `node -e 'require("fs").rmSync("/data/big")'`)

        // Back again, and on.
        await take(id, small)
        expect(await sh(id, 'cat /data/x')).toEqual({ code: 0, text: 'precious\n' })
        expect(await getLease(own.tenant, id)).toMatchObject({
          ratePerSecond: opened.ratePerSecond,
          room: opened.room,
        })
        expect(kinds(id).filter((kind) => kind === 'resized').length).toBeGreaterThanOrEqual(4)

        const before = await getTokenBalance(own.tenant, own.usdc, own.tenant.account.address)
        const { receipt, ...ended } = await closed(id)
        const refund = (await getTokenBalance(own.tenant, own.usdc, own.tenant.account.address)) - before
        expect(refund + ended.spent).toBe(10_000_000n + 1_000n)
        // Each second cost what the lease cost in it, by the chain's own settlements.
        expect(ended.spent).toBe(await settledBy(own.tenant, id, receipt.blockNumber))
      })

      it('keeps a lease to its memory', async () => {
        const id = await deploy(
          manifestOf(
            task(
              'memory',
              'const a=[];setInterval(()=>a.push(Buffer.alloc(4<<20,1)),5)',
              '    restart: "no"\n',
            ),
          ),
        )
        const report = await untilState(id, 'failed')
        expect(report.services[0]?.reason).toBe('it ran out of memory')
        await close(id)
      })

      it('keeps a lease to its disk', async () => {
        // The lease's own file system ends where its disk does, so that nobody has to watch how fast it
        // writes.
        const write =
          'try { for (;;) f.appendFileSync("/tmp/x", b) } catch (error) { console.log(error.code) } setInterval(() => {}, 1000)'
        const greedy = manifestOf(task('disk', `const f=require("fs");const b=Buffer.alloc(1<<20);${write}`))
        for (const service of Object.values(greedy.services)) service.resources.diskMiB = 64
        const id = await deploy(greedy)
        const printed = async () => {
          const lines: string[] = []
          for await (const { text } of own.client.logs(id, { signal: AbortSignal.timeout(5_000) }))
            lines.push(text)
          return lines.includes('ENOSPC')
        }
        await until('the disk is full', printed, 60_000)
        expect((await own.client.metrics(id)).diskBytes).toBeLessThanOrEqual(65 * 1024 * 1024)
        await close(id)
      })

      it('lets no service reach the worker, the chain or another lease', async () => {
        const one = await deploy(manifestOf(web('one')))
        const two = await deploy(
          manifestOf(
            web('two').replace('8080', '8081').replace('8080', '8081').replace('["8080"]', '["8081"]'),
          ),
        )
        await Promise.all([untilState(one, 'running'), untilState(two, 'running')])
        const reach = (host: string, port: number) =>
          sh(
            two,
            `node -e 'require("net").connect(${port}, "${host}").on("connect",()=>process.exit(0)).on("error",()=>process.exit(9)).setTimeout(500,()=>process.exit(9))'`,
          )
        expect((await reach('127.0.0.1', 8081)).code).toBe(0)
        const rpcPort = Number(new URL(own.chain.network.rpcUrl).port)
        for (const [host, port] of [
          ['127.0.0.1', own.running.port],
          ['127.0.0.1', rpcPort],
          ['127.0.0.1', 8080],
          ['one', 8080],
          ['10.0.2.2', own.running.port],
          ['169.254.169.254', 80],
        ] as const)
          expect((await reach(host, port)).code, `${host}:${port}`).toBe(9)
        await close(one)
        await close(two)
      })

      it('forwards TCP ports', async () => {
        const echo = 'require("net").createServer(c=>c.pipe(c)).listen(7000)'
        const id = await deploy(
          manifestOf(task('echo', echo, '    ports: [{ target: 7000, app_protocol: tcp }]\n')),
        )
        await untilState(id, 'running')
        const [route] = await until('its port is open', async () => {
          const { routes } = await own.client.lease(id)
          return routes.length > 0 && routes
        })
        expect(route).toMatchObject({ protocol: 'tcp', port: 7000 })
        const socket = connect(Number(route?.address?.split(':')[1]), '127.0.0.1')
        socket.write('there and back')
        const [answer] = await once(socket, 'data')
        expect(String(answer)).toBe('there and back')
        socket.destroy()
        await close(id)
        const closed = connect(Number(route?.address?.split(':')[1]), '127.0.0.1')
        await expect(once(closed, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
      })

      it('carries UDP between services and from outside, and readiness waits for no UDP port', async () => {
        const sink =
          'const s=require("dgram").createSocket("udp4");s.on("message",(m,f)=>{console.log("got "+m);s.send("back "+m,f.port,f.address)});s.bind(8125)'
        const sender =
          'const s=require("dgram").createSocket("udp4");setInterval(()=>s.send("hits:1",8125,"sink"),300)'
        const passive = 'for(const p of [3000,3001,3002])require("net").createServer(s=>s.end()).listen(p)'
        const id = await deploy(
          manifestOf(
            task('sink', sink, '    ports: ["8125:8125/udp"]\n    expose: ["8125/udp"]\n') +
              task('sender', sender, '    depends_on: [sink]\n') +
              task('passive', passive, '    expose: ["3000-3002"]\n'),
          ),
        )
        await untilState(id, 'running')
        for await (const { text } of own.client.logs(id, {
          service: 'sink',
          follow: true,
          signal: AbortSignal.timeout(30_000),
        }))
          if (text === 'got hits:1') break
        const route = (await own.client.lease(id)).routes.find(({ protocol }) => protocol === 'udp')
        expect(route).toMatchObject({ service: 'sink', port: 8125 })
        const client = createSocket('udp4')
        const answer = once(client, 'message')
        client.send('hello', Number(route?.address?.split(':').at(-1)), '127.0.0.1')
        expect(String((await answer)[0])).toBe('back hello')
        client.close()
        await close(id)
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
        const code = await exec(own.client, {
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
        const counting = exec(own.client, {
          lease: id,
          argv: [
            'node',
            '-e',
            'let n=0;process.stdin.on("data",d=>n+=d.length).on("end",()=>console.log(n))',
          ],
          stdin,
          stdout: out,
          stderr: out,
        })
        for (let i = 0; i < 64; i++)
          if (!stdin.write(Buffer.alloc(64 * 1024))) await new Promise((done) => stdin.once('drain', done))
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
          for await (const line of own.client.logs(id, { ...options, signal: AbortSignal.timeout(5_000) }))
            found.push(`${line.container} ${line.stream} ${line.text}`)
          return found
        }
        await until(
          'all is printed',
          async () =>
            (await lines({ service: 'a' })).length === 50 && (await lines({ service: 'b' })).length > 0,
        )
        expect(await lines({ service: 'a', tail: 3 })).toEqual([
          'a-0 stdout a 47',
          'a-0 stdout a 48',
          'a-0 stdout a 49',
        ])
        expect(await lines({ service: 'b' })).toContain('b-0 stderr b to stderr')
        expect((await lines({})).length).toBeGreaterThanOrEqual(51)
        await expect(lines({ service: 'c' })).rejects.toMatchObject({
          code: 'not-found',
          hint: expect.stringContaining('a, b'),
        })
        const aborter = new AbortController()
        let ticks = 0
        for await (const line of own.client.logs(id, {
          service: 'b',
          tail: 0,
          follow: true,
          signal: aborter.signal,
        }))
          if (line.text === 'tick' && ++ticks === 3) break
        aborter.abort()
        expect(ticks).toBe(3)
        await close(id)
      })

      it('shows what an update brings and the last line, and says that the lease has ended', async () => {
        const talk = (name: string) =>
          task(
            name,
            `console.log("${name} is up");process.on("SIGTERM",()=>{console.log("${name} goes");process.exit()});${IDLE}`,
          )
        const [before, after] = [manifestOf(talk('a') + talk('b')), manifestOf(talk('a') + talk('c'))]
        const id = await deploy(before)
        const seen: string[] = []
        const kindsSeen: string[] = []
        const signal = AbortSignal.timeout(60_000)
        const following = Promise.all([
          (async () => {
            for await (const { text } of own.client.logs(id, { follow: true, signal })) seen.push(text)
          })(),
          (async () => {
            for await (const { kind } of own.client.events(id, { follow: true, signal })) kindsSeen.push(kind)
          })(),
        ])
        await until('both are up', async () => seen.length === 2)
        await updateLease(own.tenant, id, hashManifest(after))
        await own.client.putManifest(id, after)
        await until('the new one is up', async () => seen.includes('c is up'))
        await close(id)
        await following
        expect(signal.aborted).toBe(false)
        // The first starts anew: it has another service to find.
        expect([...seen].sort()).toEqual([
          'a goes',
          'a goes',
          'a is up',
          'a is up',
          'b goes',
          'b is up',
          'c goes',
          'c is up',
        ])
        expect(kindsSeen.at(-1)).toBe('closed')
        // Whoever follows one that has ended is told what there was, and nothing of it stays behind.
        const { events } = own.running.worker.supervisor
        const listeners = events.listenerCount('event')
        const told: string[] = []
        for await (const { kind } of own.client.events(id, { follow: true, signal })) told.push(kind)
        expect(told).toEqual(kindsSeen)
        expect(events.listenerCount('event')).toBe(listeners)
      })
    })
  },
  180_000,
)
