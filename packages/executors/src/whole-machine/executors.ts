import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { canRun, type TestEngine } from '@cloister/development/engines'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { AGENT_FOLDER, type ContainerSpec, type Executor, type Image } from '../executor.ts'
import { buildWorkbench, WORKBENCH_IMAGE } from '../oci/workbench.ts'
import { joinTwoLeases } from '../private-network/engine-case.ts'
import { canTunnel } from '../private-network/place.ts'
import { containerOf, IDLE, openExecutor, runIn, TRIED } from '../testing.ts'

const LEASE = `0x${'ab'.repeat(32)}`
const OTHER = `0x${'cd'.repeat(32)}`
const SERVER = `require('http').createServer((q,s)=>s.end('hello from '+process.env.WHO)).listen(8080)`

for (const { name, program, start } of TRIED)
  describe.skipIf(!canRun(program))(`${name} executor`, () => {
    let folder: string
    let engine: TestEngine | undefined
    let executor: Executor
    let image: Image
    let bystander: Server

    const spec = (changes: Partial<ContainerSpec> = {}): ContainerSpec => ({
      ...containerOf(LEASE, image),
      peers: ['web', 'other'],
      argv: ['node', '-e', SERVER],
      env: { WHO: 'cell', PATH: '/usr/bin:/bin' },
      // Pages of Node's own program count for whoever reads them first, and two of it run at a time.
      memoryMiB: 512,
      ...changes,
    })

    const sh = (line: string, name = 'web-0', lease = LEASE) =>
      runIn(executor, { lease, name }, ['sh', '-c', line])

    const get = async (container = 'web-0', lease = LEASE) => {
      for (let attempt = 0; ; attempt++) {
        try {
          const stream = await executor.connect(lease, container, 8080)
          stream.write('GET / HTTP/1.0\r\n\r\n')
          let text = ''
          for await (const chunk of stream) text += chunk
          if (text !== '') return text
        } catch {
          // Not listening yet.
        }
        if (attempt > 100) throw new Error('no answer')
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), `cloister-${name}-`))
      await buildWorkbench(join(folder, 'layout'))
      ;({ executor, engine } = await openExecutor(start, folder, 'test'))
      image = await executor.pull(WORKBENCH_IMAGE)
      bystander = createServer((_, response) => response.end('secret')).listen(0, '127.0.0.1')
      await new Promise((resolve) => bystander.once('listening', resolve))
    }, 120_000)

    afterAll(async () => {
      bystander?.close()
      await executor?.destroy(LEASE)
      await executor?.destroy(OTHER)
      await executor?.close()
      await engine?.stop()
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    }, 60_000)

    it.skipIf(!canTunnel())('joins leases of one tenant to a network of their own', async () => {
      const serving = SERVER.replace('8080', "8080, '::'")
      const specs = [LEASE, OTHER].map((lease) => spec({ lease, argv: ['node', '-e', serving] }))
      await joinTwoLeases(executor, folder, specs as [ContainerSpec, ContainerSpec])
    })

    it('leads to a socket of the worker’s where it is asked to, for any user, and lets nobody write there', async () => {
      const agentFolder = join(folder, 'agent')
      await mkdir(agentFolder, { mode: 0o711 })
      // As where the agent keeps them: nobody else of this machine can walk there.
      await chmod(folder, 0o700)
      const socket = createServer((_, response) => response.end('the agent')).listen(
        join(agentFolder, 'agent.sock'),
      )
      await new Promise((resolve) => socket.once('listening', resolve))
      await chmod(join(agentFolder, 'agent.sock'), 0o666)
      const ask = `require('http').get({socketPath:'${AGENT_FOLDER}/agent.sock',path:'/'},r=>r.pipe(process.stdout)).on('error',e=>console.log(e.code))`
      try {
        for (const user of ['', '1000']) {
          await executor.start(
            spec({ lease: OTHER, name: 'agent-0', service: 'agent', argv: IDLE, user, agentFolder }),
          )
          const asked = await sh(`node -e "${ask}"; touch ${AGENT_FOLDER}/x && echo wrote`, 'agent-0', OTHER)
          expect(asked.output).toContain('the agent')
          expect(asked.output).not.toContain('wrote')
        }
      } finally {
        socket.close()
        await executor.destroy(OTHER)
      }
    })

    it('starts a service, answers on its port and says what runs by digest', async () => {
      await executor.start(spec())
      expect(await get()).toContain('hello from cell')
      const [status] = await executor.containers(LEASE)
      expect(status).toMatchObject({
        name: 'web-0',
        revision: 'r1',
        digest: image.digest,
        running: true,
        exit: undefined,
      })
      expect(image.digest).toMatch(/^sha256:[0-9a-f]{64}$/)
      expect(await executor.leases()).toEqual([LEASE])
    }, 30_000)

    it('carries datagrams to a UDP port and back', async () => {
      const echo = `const s=require('dgram').createSocket('udp4');s.on('message',(m,f)=>s.send('back '+m,f.port,f.address));s.bind(8125)`
      await executor.start(spec({ name: 'udp-0', service: 'udp', argv: ['node', '-e', echo] }))
      const received: string[] = []
      const flow = await executor.datagrams(
        LEASE,
        'udp-0',
        8125,
        (datagram) => void received.push(String(datagram)),
      )
      const answered = () => {
        flow.send(Buffer.from('hello'))
        expect(received).toContain('back hello')
      }
      await vi.waitFor(answered, { timeout: 20_000, interval: 100 })
      flow.close()
      await executor.remove(LEASE, 'udp-0')
    })

    it('runs commands, passes input and exit codes, and gives a terminal', async () => {
      expect(await sh('echo out; exit 7')).toEqual({ code: 7, output: 'out\n' })
      const cat = await executor.exec(LEASE, 'web-0', { argv: ['cat'], terminal: undefined })
      let echoed = ''
      cat.stdout.on('data', (chunk) => (echoed += chunk))
      cat.stdin.write('line one\n')
      cat.stdin.end('line two\n')
      expect(await cat.exit).toBe(0)
      expect(echoed).toBe('line one\nline two\n')
      const terminal = await executor.exec(LEASE, 'web-0', {
        argv: ['sh', '-c', 'sleep 0.3; stty size; test -t 0 && echo tty'],
        terminal: { columns: 97, rows: 31 },
      })
      let shown = ''
      terminal.stdout.on('data', (chunk) => (shown += chunk))
      expect(await terminal.exit).toBe(0)
      expect(shown).toContain('tty')
      expect(shown).toContain('31 97')
    }, 30_000)

    it('keeps logs with their stream and time, and follows them', async () => {
      await executor.start(
        spec({
          name: 'talk-0',
          argv: ['sh', '-c', 'echo first; echo second >&2; sleep 0.5; echo third; sleep 60'],
        }),
      )
      const abort = new AbortController()
      const seen: string[] = []
      for await (const line of executor.logs(LEASE, 'talk-0', {
        tail: 10,
        follow: true,
        signal: abort.signal,
      })) {
        expect(Math.abs(Date.now() - line.time)).toBeLessThan(60_000)
        seen.push(`${line.stream} ${line.text}`)
        if (seen.length === 3) break
      }
      abort.abort()
      expect(seen.sort()).toEqual(['stderr second', 'stdout first', 'stdout third'])
      const last: string[] = []
      for await (const line of executor.logs(LEASE, 'talk-0', {
        tail: 1,
        follow: false,
        signal: new AbortController().signal,
      }))
        last.push(line.text)
      expect(last).toEqual(['third'])
      await executor.remove(LEASE, 'talk-0')
    }, 30_000)

    it('keeps nothing of what a container prints that keeps it from everybody, whatever that is', async () => {
      const lines = async () => {
        const found: string[] = []
        const signal = AbortSignal.timeout(10_000)
        for await (const { text } of executor.logs(LEASE, 'mute-0', { tail: 100, follow: false, signal }))
          found.push(text)
        return found
      }
      // More than a pipe holds: somebody has to take it, or it would stand still.
      const print = 'for(let i=0;i<50000;i++)console.log("a prompt");console.error("an answer")'
      await executor.start(spec({ name: 'mute-0', argv: ['node', '-e', print], logs: false }))
      const { signal } = new AbortController()
      expect(await executor.wait(LEASE, 'mute-0', signal)).toMatchObject({ code: 0 })
      expect(await lines()).toEqual([])
      await executor.restart(LEASE, 'mute-0')
      expect(await executor.wait(LEASE, 'mute-0', signal)).toMatchObject({ code: 0 })
      expect(await lines()).toEqual([])
      const written = execFileSync('find', [folder, '-path', '*mute-0*', '-name', 'log*', '-type', 'f'])
      expect(String(written)).toBe('')
      await executor.remove(LEASE, 'mute-0')
    }, 60_000)

    it('lets a follower that comes at any time miss no line and see none twice', async () => {
      await executor.start(
        spec({ name: 'count-0', argv: ['node', '-e', 'let i=0;setInterval(()=>console.log(i++),2)'] }),
      )
      for (let follower = 0; follower < 20; follower++) {
        const seen: number[] = []
        for await (const line of executor.logs(LEASE, 'count-0', {
          tail: 10,
          follow: true,
          signal: new AbortController().signal,
        }))
          if (seen.push(Number(line.text)) === 30) break
        expect(seen).toEqual(seen.map((_, index) => (seen[0] ?? -1) + index))
      }
      await executor.remove(LEASE, 'count-0')
    })

    it('tells a slow follower all of what a container printed, also of one that has ended, ran again or was replaced', async () => {
      const burst = `const n=+process.env.FROM;setTimeout(()=>{for(let i=0;i<20000;i++)console.log(n+i)},300)`
      const at = (from: number) =>
        spec({
          name: 'burst-0',
          argv: ['node', '-e', burst],
          env: { FROM: String(from), PATH: '/usr/bin:/bin' },
        })
      await executor.start(at(0))
      const abort = new AbortController()
      const seen: number[] = []
      const following = (async () => {
        for await (const line of executor.logs(LEASE, 'burst-0', {
          tail: 10,
          follow: true,
          signal: abort.signal,
        })) {
          if (seen.push(Number(line.text)) % 1000 === 0) await sleep(20)
          if (seen.length === 60_000) break
        }
      })()
      await executor.wait(LEASE, 'burst-0', abort.signal)
      await vi.waitFor(() => expect(seen.length).toBe(20_000), { timeout: 20_000, interval: 100 })
      await executor.restart(LEASE, 'burst-0')
      await vi.waitFor(() => expect(seen.length).toBe(40_000), { timeout: 20_000, interval: 100 })
      await executor.start(at(20_000))
      await following
      const run = Array.from({ length: 20_000 }, (_, index) => index)
      expect(seen).toEqual([...run, ...run, ...run.map((index) => 20_000 + index)])
      abort.abort()
      await executor.remove(LEASE, 'burst-0')
    })

    it('keeps every character of long lines, of any language, and of what never got an end', async () => {
      const lines = async () => {
        const found: string[] = []
        for await (const line of executor.logs(LEASE, 'long-0', {
          tail: 100,
          follow: false,
          signal: new AbortController().signal,
        }))
          found.push(line.text)
        return found
      }
      const print = `console.log('läuft 走る бежит '.repeat(600));console.log('0123456789'.repeat(5000));process.stdout.write('no end: é')`
      await executor.start(spec({ name: 'long-0', argv: ['node', '-e', print] }))
      await executor.wait(LEASE, 'long-0', new AbortController().signal)
      const found = await lines()
      expect(found[0] === 'läuft 走る бежит '.repeat(600)).toBe(true)
      expect(found.slice(1, -1).join('') === '0123456789'.repeat(5000)).toBe(true)
      expect(found.at(-1)).toBe('no end: é')
      expect(found.every((line) => line.length <= 16 * 1024)).toBe(true)
      await executor.remove(LEASE, 'long-0')
    })

    it('tells how a container ended and starts it again', async () => {
      await executor.start(spec({ name: 'brief-0', argv: ['sh', '-c', 'sleep 0.2; exit 3'] }))
      expect(await executor.wait(LEASE, 'brief-0', new AbortController().signal)).toEqual({
        code: 3,
        outOfMemory: false,
      })
      expect((await executor.containers(LEASE)).find((c) => c.name === 'brief-0')).toMatchObject({
        running: false,
        exit: { code: 3 },
      })
      await executor.restart(LEASE, 'brief-0')
      expect((await executor.wait(LEASE, 'brief-0', new AbortController().signal)).code).toBe(3)
      await executor.remove(LEASE, 'brief-0')
      expect((await executor.containers(LEASE)).map((c) => c.name)).toEqual(['web-0'])
    }, 30_000)

    it('stops a container with its own signal, and kills one that does not listen', async () => {
      const trap = `process.on('SIGINT',()=>{console.log('bye');process.exit(5)});setInterval(()=>{},1000);console.log('ready')`
      await executor.start(spec({ name: 'polite-0', argv: ['node', '-e', trap], stopSignal: 'SIGINT' }))
      for await (const line of executor.logs(LEASE, 'polite-0', {
        tail: 5,
        follow: true,
        signal: AbortSignal.timeout(10_000),
      }))
        if (line.text === 'ready') break
      await executor.stop(LEASE, 'polite-0', 5_000)
      expect((await executor.containers(LEASE)).find((c) => c.name === 'polite-0')?.exit?.code).toBe(5)
      await executor.start(
        spec({
          name: 'deaf-0',
          argv: ['node', '-e', `process.on('SIGTERM',()=>{});setInterval(()=>{},1000);console.log('ready')`],
        }),
      )
      for await (const line of executor.logs(LEASE, 'deaf-0', {
        tail: 5,
        follow: true,
        signal: AbortSignal.timeout(10_000),
      }))
        if (line.text === 'ready') break
      await executor.stop(LEASE, 'deaf-0', 1_000)
      expect((await executor.containers(LEASE)).find((c) => c.name === 'deaf-0')?.running).toBe(false)
      await executor.remove(LEASE, 'polite-0')
      await executor.remove(LEASE, 'deaf-0')
    }, 40_000)

    it('enforces memory and processes, and counts usage', async () => {
      await executor.start(
        spec({
          name: 'greedy-0',
          memoryMiB: 64,
          argv: ['node', '-e', 'const a=[];for(;;)a.push(Buffer.alloc(1<<20,1))'],
        }),
      )
      const exit = await executor.wait(LEASE, 'greedy-0', new AbortController().signal)
      expect(exit.code).not.toBe(0)
      expect(exit.outOfMemory).toBe(true)
      await executor.start(
        spec({
          name: 'forks-0',
          maxProcesses: 24,
          argv: ['sh', '-c', 'i=0; while [ $i -lt 60 ]; do sleep 30 & i=$((i+1)); done; echo all; sleep 30'],
        }),
      )
      await executor.wait(LEASE, 'forks-0', AbortSignal.timeout(3_000)).catch(() => undefined)
      expect(
        (await executor.usage(LEASE, 'forks-0').catch(() => ({ processes: 0 }))).processes,
      ).toBeLessThanOrEqual(24)
      const usage = await executor.usage(LEASE, 'web-0')
      expect(usage.memoryBytes).toBeGreaterThan(1_000_000)
      expect(usage.cpuSeconds).toBeGreaterThan(0)
      await executor.remove(LEASE, 'greedy-0')
      await executor.remove(LEASE, 'forks-0')
    }, 40_000)

    it('gives a container another size as it is, and keeps it through another start', async () => {
      const size = async () => (await executor.containers(LEASE))[0]
      await executor.start(spec({ cpuMilli: 500, memoryMiB: 128 }))
      expect(await size()).toMatchObject({ cpuMilli: 500, memoryMiB: 128 })
      const before = await size()
      const isInPlace = await executor.resize(LEASE, 'web-0', { cpuMilli: 1500, memoryMiB: 384 })
      expect(isInPlace).toBe(name !== 'podman')
      if (!isInPlace) return expect(await size()).toEqual(before)
      expect(await size()).toEqual({ ...before, cpuMilli: 1500, memoryMiB: 384 })
      // What did not fit before does now.
      const fill =
        'const held=[];for(let i=0;i<25;i++)held.push(Buffer.alloc(8<<20,1));console.log(held.length)'
      expect(await sh(`node -e '${fill}'`)).toEqual({ code: 0, output: '25\n' })
      // Less than is in use is refused, and changes nothing.
      const hold = `const held=[];for(let i=0;i<12;i++)held.push(Buffer.alloc(8<<20,1));console.log('held');setInterval(()=>{},1000)`
      const holder = await executor.exec(LEASE, 'web-0', { argv: ['node', '-e', hold], terminal: undefined })
      await new Promise((resolve) => holder.stdout.once('data', resolve))
      expect(await executor.resize(LEASE, 'web-0', { cpuMilli: 500, memoryMiB: 64 })).toBe(false)
      expect(await size()).toMatchObject({ memoryMiB: 384, running: true })
      holder.kill()
      await holder.exit
      await executor.stop(LEASE, 'web-0', 100)
      await executor.restart(LEASE, 'web-0')
      expect(await size()).toMatchObject({ cpuMilli: 1500, memoryMiB: 384, running: true })
    })

    it('takes privileges away: no new ones, a filter, few capabilities, no mounts', async () => {
      const { output } = await sh('cat /proc/self/status')
      expect(output).toMatch(/NoNewPrivs:\s+1/)
      expect(output).toMatch(/Seccomp:\s+2/)
      const effective = BigInt(`0x${/CapEff:\s+([0-9a-f]+)/.exec(output)?.[1]}`)
      for (const [capability, bit] of [
        ['CAP_SYS_ADMIN', 21n],
        ['CAP_NET_ADMIN', 12n],
        ['CAP_SYS_PTRACE', 19n],
        ['CAP_MKNOD', 27n],
        ['CAP_NET_RAW', 13n],
      ] as const)
        expect([capability, (effective >> bit) & 1n]).toEqual([capability, 0n])
      // The container's own process as well as commands run beside it.
      expect((await sh('cat /proc/1/status')).output).toMatch(/NoNewPrivs:\s+1/)
      const seen = await sh('ls /proc')
      expect(seen.output.split('\n').filter((entry) => /^\d+$/.test(entry)).length).toBeLessThan(12)
    }, 30_000)

    it('keeps a service from the host and from other leases', async () => {
      await executor.start(spec({ lease: OTHER, env: { WHO: 'other', PATH: '/usr/bin:/bin' } }))
      expect(await get('web-0', OTHER)).toContain('hello from other')
      const port = (bystander.address() as AddressInfo).port
      const probe = (host: string, p: number) =>
        `node -e "const s=require('net').connect({host:'${host}',port:${p},timeout:1500});s.on('connect',()=>{console.log('REACHED');process.exit()});s.on('timeout',()=>process.exit(3));s.on('error',()=>process.exit(4))"`
      expect((await sh(probe('127.0.0.1', port))).output).not.toContain('REACHED')
      const gateway = (
        await sh(
          `node -e "const n=require('os').networkInterfaces();console.log(Object.values(n).flat().filter(i=>!i.internal&&i.family==='IPv4').map(i=>i.address).join())"`,
        )
      ).output.trim()
      const other = (
        await sh(
          `node -e "const n=require('os').networkInterfaces();console.log(Object.values(n).flat().filter(i=>!i.internal&&i.family==='IPv4').map(i=>i.address).join())"`,
          'web-0',
          OTHER,
        )
      ).output.trim()
      if (gateway !== '')
        expect((await sh(probe(gateway.replace(/\d+$/, '1'), port))).output).not.toContain('REACHED')
      // In the sandbox every lease's network has the same addresses: what answers there is one's own.
      const ask = `node -e "require('http').get('http://${other}:8080',r=>r.pipe(process.stdout)).on('error',e=>console.log(e.code))"`
      if (other !== '') expect((await sh(ask)).output).not.toContain('hello from other')
      await executor.destroy(OTHER)
      expect(await executor.leases()).toEqual([LEASE])
    }, 120_000)

    it('lets services of a lease find each other by name', async () => {
      await executor.start(
        spec({
          name: 'other-0',
          service: 'other',
          hostname: 'other',
          argv: ['node', '-e', SERVER.replace('8080', '9090')],
          env: { WHO: 'friend', PATH: '/usr/bin:/bin' },
        }),
      )
      const ask = `node -e "const g=(n)=>require('http').get('http://other:9090',r=>r.on('data',d=>console.log(String(d)))).on('error',e=>n?setTimeout(g,100,n-1):console.log(e.message));g(40)"`
      expect((await sh(ask)).output).toContain('hello from friend')
      await executor.remove(LEASE, 'other-0')
    })

    it('mounts files and volumes, which outlive the container and end with the lease', async () => {
      const files = [
        { path: '/etc/app/setting.txt', content: Buffer.from('blue'), mode: 0o444 },
        { path: '/etc/app/state.txt', content: Buffer.from('old'), mode: 0o644, writable: true as const },
      ]
      const mounts = [{ volume: 'data', path: '/data', readOnly: false }]
      await executor.start(
        spec({
          name: 'store-0',
          argv: IDLE,
          mounts,
          files,
          tmpfs: [{ path: '/scratch', sizeMiB: 8 }],
          readOnlyRoot: true,
        }),
      )
      expect((await sh('cat /etc/app/setting.txt', 'store-0')).output).toBe('blue')
      expect((await sh('echo kept > /data/file && cat /data/file', 'store-0')).output).toBe('kept\n')
      expect((await sh('echo no > /etc/app/setting.txt', 'store-0')).code).not.toBe(0)
      const state = await sh('echo new > /etc/app/state.txt && cat /etc/app/state.txt', 'store-0')
      expect(state.output).toBe('new\n')
      expect((await sh('touch /nowhere', 'store-0')).code).not.toBe(0)
      await executor.start(spec({ name: 'store-0', argv: IDLE, revision: 'r2', mounts, files }))
      expect((await sh('cat /etc/app/state.txt', 'store-0')).output).toBe('old')
      expect((await sh('cat /data/file', 'store-0')).output).toBe('kept\n')
      await sh('dd if=/dev/zero of=/data/big bs=1048576 count=8', 'store-0')
      expect(await executor.diskUsage(LEASE)).toBeGreaterThanOrEqual(8 * 1024 * 1024)
      await executor.remove(LEASE, 'store-0')
    }, 40_000)

    it.skipIf(name === 'sandbox')(
      'counts what volumes and containers hold by the engine’s word where the agent is not root',
      async () => {
        await executor.start(
          spec({
            name: 'count-0',
            argv: IDLE,
            mounts: [{ volume: 'counted', path: '/counted', readOnly: false }],
          }),
        )
        const before = await executor.diskUsage(LEASE)
        const written = async (path: string) => {
          expect((await sh(`dd if=/dev/zero of=${path} bs=1048576 count=12`, 'count-0')).code).toBe(0)
        }
        await written('/counted/big')
        // Nobody but root looks into the folders of engines run by root.
        const user = vi.spyOn(process, 'getuid').mockReturnValue(1_000)
        try {
          const volume = await executor.diskUsage(LEASE)
          expect(volume - before).toBeGreaterThan(11 * 1024 * 1024)
          await written('/big')
          expect((await executor.diskUsage(LEASE)) - volume).toBeGreaterThan(11 * 1024 * 1024)
        } finally {
          user.mockRestore()
        }
        await executor.remove(LEASE, 'count-0')
      },
      40_000,
    )

    it('runs as the user it is told, who owns a new volume', async () => {
      const files = [{ path: '/etc/app/setting.txt', content: Buffer.from('blue'), mode: 0o400, uid: 1000 }]
      await executor.start(spec({ name: 'user-0', user: '1000:1000', argv: IDLE, files }))
      expect((await sh('id -u; id -g', 'user-0')).output).toBe('1000\n1000\n')
      expect((await sh('cat /etc/app/setting.txt', 'user-0')).output).toBe('blue')
      // What is handed to a container is no other user's of this machine.
      if (start) expect((statSync(join(folder, 'files')).mode & 0o777).toString(8)).toBe('700')
      expect((await sh('touch /etc/passwd', 'user-0')).code).not.toBe(0)
      await executor.remove(LEASE, 'user-0')
    }, 30_000)

    it('refuses an image that is not there and a program that is not in it', async () => {
      await expect(executor.pull('127.0.0.1:1/no/such:1')).rejects.toMatchObject({
        code: 'image-unavailable',
      })
      await expect(executor.pull('169.254.169.254/latest/meta-data')).rejects.toMatchObject({
        code: 'image-unavailable',
      })
      const failed = await executor.start(spec({ name: 'broken-0', argv: ['/no/such/program'] })).then(
        () => executor.wait(LEASE, 'broken-0', new AbortController().signal).then((exit) => exit.code !== 0),
        (error: { code: string }) => error.code === 'start-failed',
      )
      expect(failed).toBe(true)
      await executor.remove(LEASE, 'broken-0')
    }, 30_000)

    it.skipIf(name === 'sandbox')(
      'closes the way out of a lease that the engine can’t remove wholly, and leaves what is another worker’s',
      async () => {
        const docker = new Docker({ socketPath: engine?.socketPath ?? '' })
        const theirs = { 'network.cloister.scope': 'theirs', 'network.cloister.lease': OTHER }
        await docker.createVolume({ Name: 'theirs', Labels: theirs })
        await executor.start(
          spec({ lease: OTHER, argv: IDLE, mounts: [{ volume: 'data', path: '/data', readOnly: false }] }),
        )
        // Somebody else's container has the lease's volume, which can't go then.
        const volumes = (await docker.listVolumes()).Volumes.map(({ Name }) => Name)
        const volume = volumes.find((one) => one.endsWith(`${OTHER.slice(2, 26)}-data`)) ?? ''
        const Image =
          (await docker.listContainers()).find(({ Labels }) => Labels['network.cloister.lease'] === OTHER)
            ?.ImageID ?? ''
        const alien = await docker.createContainer({
          name: 'alien',
          Image,
          Cmd: ['true'],
          HostConfig: { Binds: [`${volume}:/data`] },
        })
        const openWays = () =>
          execFileSync(
            'sh',
            ['-c', 'nft list set inet cloister_test open 2>/dev/null | grep -o clo[0-9a-f]*; true'],
            { encoding: 'utf8' },
          ).split('\n')
        const before = openWays().length
        await expect(executor.destroy(OTHER)).rejects.toMatchObject({ code: 'engine-failed' })
        expect(openWays().length).toBeLessThan(before)
        expect(await executor.leases()).toEqual(expect.arrayContaining([OTHER]))
        await alien.remove({ force: true })
        await executor.destroy(OTHER)
        expect(await executor.leases()).not.toContain(OTHER)
        expect((await docker.listVolumes()).Volumes.map(({ Name }) => Name)).toContain('theirs')
        await docker.getVolume('theirs').remove()
      },
    )

    it('leaves nothing of a lease behind, and everything of another, which runs nothing at the moment', async () => {
      const mounts = [{ volume: 'data', path: '/data', readOnly: false }]
      await executor.start(spec({ lease: OTHER, argv: ['/bin/sh', '-c', 'echo kept > /data/file'], mounts }))
      await executor.wait(OTHER, 'web-0', new AbortController().signal)
      await executor.halt(OTHER)
      await executor.destroy(LEASE)
      await executor.start(spec({ lease: OTHER, argv: IDLE, mounts }))
      expect((await sh('cat /data/file', 'web-0', OTHER)).output).toBe('kept\n')
      await executor.destroy(OTHER)
      await executor.destroy(LEASE)
      expect(await executor.leases()).toEqual([])
      expect(await executor.containers(LEASE)).toEqual([])
    }, 30_000)
  })
